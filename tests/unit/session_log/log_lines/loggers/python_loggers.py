# SPDX-License-Identifier: MIT
"""Logs four messages and one exception with each Python logger and format. Prints FORMAT, a tab and the line, with
escapes written as \\e."""
import io
import logging
import logging.config
import sys

MESSAGES = (("info", "started: ERROR pages are served"), ("warning", "slow"), ("error", "payment failed"),
            ("critical", "pool is gone"))
OUT = []


def emit(name, text):
    OUT.extend(f"{name}\t{line}" for line in text.replace("\x1b", "\\e").splitlines() if line.strip())


def say(log, has_exception=True):
    for level, text in MESSAGES:
        getattr(log, level)(text)
    if has_exception:
        try:
            raise ValueError("FATAL: sorry, too many clients")
        except ValueError:
            log.exception("request failed")


def standard(name, formatter):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter if isinstance(formatter, logging.Formatter) else logging.Formatter(*formatter))
    log = logging.Logger("app.db")
    log.addHandler(handler)
    say(log)
    emit(name, stream.getvalue())


FORMATS = {
    "python basicConfig": (logging.BASIC_FORMAT,),
    "python dashes": ("%(asctime)s - %(name)s - %(levelname)s - %(message)s",),
    "python padded": ("%(asctime)s %(levelname)-8s %(name)s [%(process)d] %(message)s",),
    "python padded left": ("%(asctime)s %(levelname)8s %(name)s: %(message)s",),
    "python brackets": ("[%(asctime)s] [%(levelname)s] %(name)s: %(message)s",),
    "python pipes": ("%(asctime)s | %(levelname)s | %(name)s | %(message)s",),
    "python file and line": ("%(asctime)s %(filename)s:%(lineno)d %(levelname)s %(message)s",),
    "python thread": ("%(asctime)s %(threadName)s %(name)s %(levelname)s %(message)s",),
    "python level first": ("%(levelname)s: %(message)s",),
    "python level and time": ("%(levelname)s [%(asctime)s] %(name)s %(message)s",),
    "python US date": ("%(asctime)s %(levelname)s %(message)s", "%m/%d/%Y %I:%M:%S %p"),
    "python German date": ("%(asctime)s %(levelname)s %(message)s", "%d.%m.%Y %H:%M:%S"),
    "python time of day": ("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"),
    "python zone": ("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"),
    "python epoch": ("%(created).3f %(levelname)s %(name)s %(message)s",),
    "python logfmt": ('time="%(asctime)s" level=%(levelname)s logger=%(name)s msg="%(message)s"',),
    "python process in brackets": ("%(asctime)s [%(process)d] [%(levelname)s] %(message)s",),
    "django verbose": ("%(levelname)s %(asctime)s %(module)s %(process)d %(thread)d %(message)s",),
    "django simple": ("%(levelname)s %(message)s",),
    "syslog file": ("%(asctime)s host app[12]: %(levelname)s %(message)s", "%b %d %H:%M:%S"),
}


def structlogs():
    import structlog
    add = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
    trace = [*add, structlog.processors.format_exc_info]
    chains = {
        "structlog console": [*add, structlog.dev.ConsoleRenderer(colors=False)],
        "structlog console colours": [*add, structlog.dev.ConsoleRenderer(colors=True, force_colors=True)],
        "structlog JSON": [*trace, structlog.processors.JSONRenderer()],
        "structlog JSON UTF-8": [*trace, structlog.processors.JSONRenderer(ensure_ascii=False)],
        "structlog key-value": [*add, structlog.processors.KeyValueRenderer(key_order=["event", "level"])],
        "structlog logfmt": [*add, structlog.processors.LogfmtRenderer(bool_as_flag=False)],
    }
    for name, chain in chains.items():
        stream = io.StringIO()
        log = structlog.wrap_logger(structlog.PrintLogger(stream), processors=chain, cache_logger_on_first_use=False)
        say(log, "JSON" in name or "console" in name)
        emit(name, stream.getvalue())


def logurus():
    from loguru import logger
    for name, options in {"loguru": {"colorize": False}, "loguru colours": {"colorize": True},
                          "loguru serialize": {"serialize": True},
                          "loguru brackets": {"format": "[{time:YYYY-MM-DD HH:mm:ss}] [{level}] {message}"}}.items():
        stream = io.StringIO()
        logger.remove()
        logger.add(stream, **options)
        say(logger)
        emit(name, stream.getvalue())


def servers():
    from celery.utils.log import ColorFormatter
    from celery.app.defaults import DEFAULT_PROCESS_LOG_FMT
    from django.utils.log import ServerFormatter
    from gunicorn.glogging import Logger
    from pythonjsonlogger.jsonlogger import JsonFormatter
    from uvicorn.logging import DefaultFormatter
    standard("uvicorn", DefaultFormatter("%(levelprefix)s %(message)s", use_colors=False))
    standard("uvicorn colours", DefaultFormatter("%(levelprefix)s %(message)s", use_colors=True))
    standard("gunicorn", logging.Formatter(Logger.error_fmt, Logger.datefmt))
    logging.Logger.processName = "MainProcess"
    standard("celery", ColorFormatter(DEFAULT_PROCESS_LOG_FMT, use_color=False))
    standard("celery colours", ColorFormatter(DEFAULT_PROCESS_LOG_FMT, use_color=True))
    standard("django server", ServerFormatter("[{server_time}] {levelname} {message}", style="{"))
    standard("python-json-logger", JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    standard("python-json-logger severity", JsonFormatter("%(asctime)s %(levelname)s %(message)s",
                                                          rename_fields={"levelname": "severity"}))
    standard("python-json-logger level last", JsonFormatter("%(message)s %(asctime)s %(levelname)s",
                                                            rename_fields={"levelname": "level"}))
    from flask.logging import default_handler
    standard("flask", default_handler.formatter)


for form, arguments in FORMATS.items():
    standard(form, arguments)
structlogs()
logurus()
servers()
sys.stdout.write("\n".join(OUT) + "\n")
