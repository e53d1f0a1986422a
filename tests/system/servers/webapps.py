# SPDX-License-Identifier: MIT
"""A web application on a real pool of SQLAlchemy, in each framework and under each server."""
from servers import build, ports
from servers.server import Server

# What all have: a pool of 4, and a report whose every answer is another.
COMMON = """
import itertools, os, sys, time
import sqlalchemy
from resource_switches import ASGIMiddleware, Switches, WSGIMiddleware
is_postgresql = "postgresql" in os.environ["DATABASE"]
further = {"application_name": "trading-api"} if is_postgresql else {"check_same_thread": False}
engine = sqlalchemy.create_engine(os.environ["DATABASE"], poolclass=sqlalchemy.pool.QueuePool, pool_size=4,
                                  max_overflow=0, pool_timeout=5, connect_args=further)
switches = Switches(os.environ["SWITCHES"], reader="trading-api")
WORDS = dict(switches=switches, core=["/orders"], limit=2, cache=["/reports"])
numbers = itertools.count(1)

def query(path):
    with engine.connect() as connection:
        number = connection.execute(sqlalchemy.text("SELECT 1")).scalar()
        if is_postgresql and "/slow" in path:  # until the test gives the lock back
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock_shared(1)"))
    return f"{path} {os.getpid()} {next(numbers)} {number}"
"""

APPLICATIONS = {
    "fastapi": """
import fastapi
app = fastapi.FastAPI()
app.add_middleware(ASGIMiddleware, **WORDS)

@app.get("/{path:path}")
def get(path: str):
    return fastapi.Response(query(path))
""",
    "starlette": """
import starlette.applications, starlette.concurrency, starlette.responses
async def get(request):
    text = await starlette.concurrency.run_in_threadpool(query, request.url.path)
    return starlette.responses.PlainTextResponse(text)
app = starlette.applications.Starlette()
app.add_route("/{path:path}", get)
app.add_middleware(ASGIMiddleware, **WORDS)
""",
    "flask": """
import flask
app = flask.Flask("site")

@app.get("/<path:path>")
def get(path):
    return query(path)
app.wsgi_app = WSGIMiddleware(app.wsgi_app, **WORDS)
""",
    "django": """
import django.conf, django.http, django.urls
django.conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret", DEBUG=False)
def get(request, path):
    return django.http.HttpResponse(query(path))
urlpatterns = [django.urls.path("<path:path>", get)]
import django.core.wsgi
app = WSGIMiddleware(django.core.wsgi.get_wsgi_application(), **WORDS)
""",
    "django_async": """
import asgiref.sync, django.conf, django.http, django.urls
django.conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret", DEBUG=False)
async def get(request, path):
    return django.http.HttpResponse(await asgiref.sync.sync_to_async(query)(path))
urlpatterns = [django.urls.path("<path:path>", get)]
import django.core.asgi
app = ASGIMiddleware(django.core.asgi.get_asgi_application(), **WORDS)
""",
}

SERVERS = {
    "uvicorn": ["uvicorn", "--port", "PORT", "--lifespan", "auto", "webapp:app"],
    "uvicorn_workers": ["uvicorn", "--port", "PORT", "--workers", "2", "webapp:app"],
    "gunicorn": ["gunicorn", "-b", "127.0.0.1:PORT", "-w", "2", "--threads", "4", "webapp:app"],
    "gunicorn_preload": ["gunicorn", "-b", "127.0.0.1:PORT", "-w", "2", "--preload", "webapp:app"],
    "gunicorn_uvicorn": ["gunicorn", "-b", "127.0.0.1:PORT", "-w", "2", "-k", "uvicorn.workers.UvicornWorker", "webapp:app"],
}


class WebApp(Server):
    name = "webapp"

    def __init__(self, directory, framework, server, switches, database="sqlite://"):
        super().__init__(directory)
        self.framework, self.server = framework, server
        self.http_port = self.port()
        self.environment.update(SWITCHES=str(switches), DATABASE=database, PYTHONDONTWRITEBYTECODE="1",
                                PYTHONPATH=f"{build.SOURCE}/contrib/python:{self.directory}")

    def prepare(self):
        (self.directory / "webapp.py").write_text(COMMON + APPLICATIONS[self.framework], encoding="utf-8")

    def command(self):
        module, *words = [word.replace("PORT", str(self.http_port)) for word in SERVERS[self.server]]
        return ["/usr/bin/python3", "-m", module, *words]

    def is_ready(self):
        return ports.answers(self.http_port)
