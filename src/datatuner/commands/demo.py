"""`datatuner demo FOLDER`: a page in the browser, where an exported model writes texts of records."""

import argparse
import logging
from importlib.util import find_spec
from pathlib import Path

from datatuner.commands.data import Parser
from datatuner.composing import fail
from datatuner.errors import ConfigError, DataTunerError


def main() -> None:
    arguments = _parser().parse_args()
    try:
        if find_spec("gradio") is None:
            raise ConfigError("the page needs gradio: `pip install 'datatuner[web]'`.")
        from datatuner.loading import load

        tuner = load(arguments.folder, device=arguments.device, precision=arguments.precision)
        from datatuner.web import serve

        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request to its own server
        serve(tuner, arguments.host, arguments.port)
    except (DataTunerError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        return


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="datatuner demo", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="an exported model")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 shows it to the network (127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="N", help="(the first free one from 7860)")
    parser.add_argument("--device", default="cpu", help="as torch names it (cpu)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    return parser


if __name__ == "__main__":
    main()
