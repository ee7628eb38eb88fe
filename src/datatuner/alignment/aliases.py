"""Other names for things, from the facts of the WebNLG training split and general knowledge; one table per kind.

Left is what data write, folded and without small words as `words.forms` gives it; right is what texts say instead.
"""

from datatuner.alignment.words import forms, listed, stem

# A country, or a state, and those who live there; the language is mostly called the same.
DEMONYMS = """
afghanistan: afghan, afghani | albania: albanian | algeria: algerian
argentina: argentine, argentinian, argentinean | armenia: armenian | australia: australian, aussie
austria: austrian | azerbaijan: azerbaijani, azeri | bangladesh: bangladeshi, bengali | belgium: belgian
bolivia: bolivian | brazil: brazilian | bulgaria: bulgarian | canada: canadian | chile: chilean | china: chinese
colombia: colombian, columbia, columbian | costa rica: costa rican | croatia: croatian | cuba: cuban
cyprus: cypriot | czech republic: czech, czechia | denmark: danish, dane | ecuador: ecuadorian | egypt: egyptian
england: english, englishman | estonia: estonian | ethiopia: ethiopian | finland: finnish, finn | flanders: flemish
flemish region: flanders, flemish | france: french, frenchman | georgia: georgian | germany: german
ghana: ghanaian | great britain: british, britain, uk, u.k., united kingdom | greece: greek | honduras: honduran
hungary: hungarian | iceland: icelandic, icelander | india: indian | indonesia: indonesian | iran: iranian, persian
iraq: iraqi | ireland: irish | republic of ireland: ireland, irish | israel: israeli | italy: italian
jamaica: jamaican | japan: japanese | java: javanese | jordan: jordanian | kazakhstan: kazakh | kenya: kenyan
korea: korean | south korea: south korean, korean, korea | kuwait: kuwaiti | latvia: latvian | lebanon: lebanese
libya: libyan | lithuania: lithuanian | luxembourg: luxembourgish | malaysia: malaysian, malay | malta: maltese
mexico: mexican | moldova: moldovan | mongolia: mongolian | morocco: moroccan | nepal: nepalese
netherlands: dutch, holland, dutchman | new zealand: new zealander, kiwi | nigeria: nigerian | norway: norwegian
pakistan: pakistani | panama: panamanian | paraguay: paraguayan | peru: peruvian | philippines: filipino, philippine
poland: polish, pole | portugal: portuguese | puerto rico: puerto rican | romania: romanian | russia: russian
saudi arabia: saudi, saudi arabian | scotland: scottish, scot, scotch | serbia: serbian, serb | sicily: sicilian
singapore: singaporean | slovakia: slovak, slovakian | slovenia: slovenian, slovene | somalia: somali
south africa: south african | spain: spanish, spaniard | sri lanka: sri lankan | sudan: sudanese | sumatra: sumatran
sweden: swedish, swede | switzerland: swiss | syria: syrian | taiwan: taiwanese | tanzania: tanzanian
texas: texan, tejano | thailand: thai | tunisia: tunisian | turkey: turkish, turk | turkmenistan: turkmen
uganda: ugandan | ukraine: ukrainian | united arab emirates: emirati, uae
united kingdom: british, uk, u.k., britain | united states: american, america, us, u.s., usa, u.s.a., states
uruguay: uruguayan | uzbekistan: uzbek | venezuela: venezuelan | vietnam: vietnamese | wales: welsh
yugoslavia: yugoslav, yugoslavian | zambia: zambian | british hong kong: hong kong
soviet union: soviet, ussr, u.s.s.r. | california: californian | asia: asian | africa: african | europe: european
catalonia: catalan | andalusia: andalusian | lombardy: lombard
"""
_PEOPLES = """
italians: italy | british people: britain, uk, united kingdom, briton | spaniards: spanish, spain
french people: france, frenchman | indian people: india | americans: united states, us, u.s., usa
dutch people: dutch | native americans in united states: native americans, native american, american indian
puerto ricans: puerto rico | arabs: arab, arabic | japanese people: japan | germans of romania: german
african americans: african american, black american | white americans: white, caucasian | malay malaysian: malay
"""
_PARTS = """
pound sterling: pound, sterling | renminbi: yuan | euro: euros | us dollar: dollar | indian rupee: rupee
university of texas at austin: ut austin, university of texas
ut austin: university of texas at austin, university of texas | massachusetts institute of technology: mit, m.i.t.
new york city: nyc, new york | washington dc: washington | national aeronautics space administration: nasa
new york: ny, n.y. | california: ca | texas: tx
"""
_LITERALS = """
retired: retirement, retiring, retire
deceased: died, dead, dies, passed away, passed, death, late, no longer alive | print: printed, in print
hardcover: hard cover, hardback, hardbound, hard copy | paperback: paper back, softcover
print paperback: paperback, printed | e book: ebook, electronic book, electronic | poaceae: grass
dessert: desert, sweet | flowering plant: flowering, flower | tennis: tennis
main course: main dish, main meal, main | hot: hot, warm | bird: birds | asphalt: asphalted
bimonthly: every two months, twice month, bi monthly | fantasy literature: fantasy | mathematics: math, mathematical
rock geology: rock, stone | contributing property: contributing | management: managerial | soup: soups
computer science: computing | paleontology: paleontological, palaeontology | comics: comic
red granite white marble: granite
"""
# What a name may lose at its end: "English_language", "Juventus_F.C.", "Tudor_Revival_architecture".
TAILS = frozenset(
    stem(word)
    for word in listed(
        """
        language people cuisine fc cf ac sc fk afc sk bk if architecture company corporation inc ltd
        plc limited lira rupee dollar department province prefecture county district region city town municipality
        community literature geology airport dish confectionery species plant family publishing press books group
        entertainment jr sr senior junior style american movement revival state republic island university college
        stadium arena party nv spa srl llc futebol clube calcio
        """
    )
)
# ... and at its start.
HEADS = frozenset(
    stem(word)
    for word in listed(
        """
        fc ac afc as sc sk fk kv sv ss acf us ssd asd cf club republic county city province state kingdom community
        region dr sir lord president mr mrs ms prof st saint doctor gov
        """
    )
)


def _table(*texts: str) -> dict[tuple[str, ...], frozenset[tuple[str, ...]]]:
    table: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for text in texts:
        for entry in filter(str.strip, text.replace("\n", "|").split("|")):
            left, right = entry.split(":")
            table.setdefault(forms(left), set()).update(map(forms, right.split(",")))
    return {left: frozenset(right) for left, right in table.items()}


ALIASES = _table(DEMONYMS, _PEOPLES, _PARTS, _LITERALS)
COUNTRY_NAMES = frozenset(_table(DEMONYMS))
# The country of those who live there: of Spaniards, of Spanish cuisine, but not of the Spanish language.
COUNTRIES = {
    people: country for country, others in _table(DEMONYMS).items() for people in others if people not in ALIASES
}
