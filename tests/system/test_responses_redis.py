# SPDX-License-Identifier: MIT
"""Switches in a real Redis: they come, go, expire, are published and come back."""
import json
import sys

import pytest
from responding import block, response, switch
from servers import build
from servers.redis import Redis
from servers.waiting import wait_until

sys.path.insert(0, str(build.SOURCE / "contrib/python"))

import resource_switches  # noqa: E402

KEY = "/trading/one"


@pytest.fixture
def redis(new_server):
    return new_server(Redis)


def store(redis, **options):
    given = {"URL": f'"{redis.url}"', "TTL": 5, "Prefix": '"/trading/"', **options}
    return block("SwitchStore", ' "redis"', **given)


def start(responding, redis, **options):
    responding.configure(response(switch("one")), store(redis, **options), store=False).start()
    return responding


def test_a_key_exists_while_the_rule_is_bad_and_expires_with_the_daemon(responding, redis):
    redis.start()
    start(responding, redis)
    assert redis.cli("GET", KEY) == ""
    responding.breach()
    responding.expect_state("ENGAGED")
    value = json.loads(redis.cli("GET", KEY))
    assert (value["on"], value["who"], value["response"]) == (True, "testhost", "degrade") and value["until"] > value["since"]
    responding.expect(lambda: int(redis.cli("TTL", KEY)) <= 4)
    responding.expect(lambda: int(redis.cli("TTL", KEY)) >= 4)  # renewed
    responding.recover()
    responding.expect_state("OFF")
    assert redis.cli("EXISTS", KEY) == "0"
    responding.breach()
    responding.expect(lambda: redis.cli("EXISTS", KEY) == "1")
    responding.collectd.kill()
    redis.expect(lambda: redis.cli("EXISTS", KEY) == "0", within=15)


def test_each_change_and_no_renewal_is_published(responding, redis):
    redis.start()
    listener = redis.subscribe("degradation")
    try:
        for _ in range(3):
            listener.stdout.readline()
        start(responding, redis)
        responding.breach()
        responding.expect_state("ENGAGED")
        responding.expect(lambda: int(redis.cli("TTL", KEY)) <= 4)
        responding.expect(lambda: int(redis.cli("TTL", KEY)) >= 4)
        responding.recover()
        responding.expect_state("OFF")
        said = [json.loads(line) for line in (listener.stdout.readline() for _ in range(6)) if line.startswith("{")]
    finally:
        listener.kill()
        listener.wait()
    assert [(one["switch"], one["on"]) for one in said] == [("one", True), ("one", False)]
    assert said[0]["value"]["response"] == "degrade" and said[1]["value"] is None


def test_a_server_that_dies_and_comes_back_empty_gets_its_keys_again(responding, redis):
    redis.start()
    start(responding, redis)
    responding.breach()
    responding.expect_state("ENGAGED")
    redis.kill()
    redis.start()
    redis.expect(lambda: redis.cli("EXISTS", KEY) == "1", within=15)


def test_a_server_that_is_down_or_hangs_is_reported_and_set_later(responding, redis):
    start(responding, redis)
    responding.breach()
    responding.expect(lambda: any("Connection refused" in text for text in responding.failures("Switch one")))
    redis.start()
    responding.expect_state("ENGAGED", within=20)
    responding.expect(lambda: redis.cli("EXISTS", KEY) == "1", within=20)
    redis.pause()
    responding.recover()
    responding.expect(lambda: any("does not respond in time" in text for text in responding.failures("Switch one")), within=20)
    redis.resume()
    redis.expect(lambda: redis.cli("EXISTS", KEY) == "0", within=20)


def test_the_key_of_another_is_left_alone(responding, redis):
    redis.start()
    redis.cli("SET", KEY, "by hand")
    start(responding, redis)
    responding.breach()
    responding.expect(lambda: "left_alone" in responding.steps("Switch one"))
    responding.recover()
    responding.expect_state("OFF")
    assert redis.cli("GET", KEY) == "by hand"


def test_a_password_is_sent_and_shown_nowhere(responding, redis):
    redis.password = "correct-horse"
    redis.start()
    file = responding.directory / "password"
    file.write_text("wrong-horse\n")
    file.chmod(0o600)
    start(responding, redis, PasswordFile=f'"{file}"')
    responding.breach()
    responding.expect(lambda: any("WRONGPASS" in text for text in responding.failures("Switch one")))
    file.write_text("correct-horse\n")
    responding.expect(lambda: redis.cli("EXISTS", KEY) == "1", within=20)
    assert "horse" not in "\n".join(responding.collectd.log) + responding.journal_file.read_text()


def test_the_python_module_reads_it_through_any_client_with_get(responding, redis):
    redis.start()

    class Client:
        def get(self, name):
            return redis.cli("GET", f"/trading/{name}").encode()

    switches = resource_switches.Switches(Client(), every=0.1)
    switches.is_on("one")
    start(responding, redis)
    responding.breach()
    wait_until(lambda: switches.is_on("one"), within=10)


@pytest.mark.parametrize("options, word", [
    ({"URL": '"redis://db.example.org:6379"'}, "AllowPlainHTTP"), ({"URL": '"redis://user:pass@127.0.0.1"'}, "PasswordFile"),
    ({"URL": '"http://127.0.0.1"'}, "redis://"), ({"URL": '"redis://127.0.0.1:x"'}, "port"), ({"User": '"me"'}, "PasswordFile")])
def test_a_wrong_option_is_refused(responding, redis, options, word):
    responding.configure(response(switch("one")), store(redis, **options), store=False)
    said = responding.collectd.refuses_to_start()
    assert any("SwitchStore" in line and word in line for line in said)
    assert not any("user:pass" in line for line in said)
