# SPDX-License-Identifier: MIT
"""A change of state reaches a person by collectd's notify_email, and a mail
server that hangs holds nobody up."""
import pytest

RULE = """
<Threshold "pool_used">
  Metric "dbpool-*/percent-used"
  WarningMax 80
  Message "pool %{plugin_instance} is %{value}% used"
</Threshold>
"""


@pytest.fixture
def mailing(collectd, smtp_sink):
    """A collectd with one rule whose changes are mailed to the sink."""
    # collectd's own notify_email reads beyond what its mail library gives it.
    if "ASAN_OPTIONS" in collectd.environment:
        collectd.environment["ASAN_OPTIONS"] += ":replace_str=0"
    collectd.include("70-notify_email.conf", [
        ('"localhost"', '"127.0.0.1"'), ("SMTPPort 25", f"SMTPPort {smtp_sink.port}")], on=True)
    return collectd.load("resource_alert", RULE).start()


def test_a_change_of_state_is_mailed(mailing, smtp_sink):
    mailing.put_value("dbpool-trading/percent-used", 90)
    mail = smtp_sink.expect(lambda: smtp_sink.mails)[0]
    assert mail["Subject"] == "WARNING on testhost"
    assert mail["To"] == "operations@example.net"
    assert "pool trading is 90% used" in mail.get_content()


def test_a_mail_server_that_hangs_holds_nobody_up(mailing, smtp_sink):
    smtp_sink.hangs = True
    mailing.put_value("dbpool-a/percent-used", 90)
    smtp_sink.expect(lambda: smtp_sink.connections)
    for name in "bcdefgh":
        mailing.put_value(f"dbpool-{name}/percent-used", 90)
    mailing.expect(lambda: len(mailing.log_lines("UNKNOWN -> WARNING")) == 8)
    mailing.put_value("dbpool-i/percent-used", 10)
    mailing.expect(lambda: mailing.value("dbpool-i/percent-used") == 10)
    smtp_sink.let_go()  # notify_email itself waits for its server when it ends
    mailing.stop()
