# SPDX-License-Identifier: MIT
"""The status page as a user sees it, in a real Chromium: every state, both
colour schemes, a narrow screen, the keyboard, hostile names."""
import importlib.util
import re
import subprocess
import time

import pytest
from asking import RULES, Asking
from servers import build, ports
from servers.browser import Browser
from servers.waiting import wait_until

RESPONSE = """
  <SwitchStore "file">
    Path "{directory}/switches"
  </SwitchStore>
  <Response "degrade">
    When "used"
    EngageAfter 0
    ReleaseAfter 0
    <Switch "slow_down">
    </Switch>
    <Switch "cache">
      After 3600
    </Switch>
  </Response>
"""

# Texts whose contrast with what is behind them is less than WCAG's AA asks for.
FAINT = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}
function luminance(c) {
  const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function behind(node) {
  for (let at = node; at; at = at.parentElement) {
    const ground = rgba(getComputedStyle(at).backgroundColor);
    if (ground[3] === 255) return ground;
  }
  return [255, 255, 255, 255];
}
const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
for (let text; (text = walker.nextNode());) {
  const node = text.parentElement, style = getComputedStyle(node);
  if (!text.textContent.trim() || !node.checkVisibility() || node.closest('script, noscript')) continue;
  const [a, b] = [luminance(rgba(style.color)), luminance(behind(node))].sort((x, y) => y - x);
  const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  seen++;
  if ((a + .05) / (b + .05) < (isLarge ? 3 : 4.5)) faint.push(text.textContent);
}
return [seen, faint];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    browser.hurry(10)
    yield browser
    browser.close()


class Page:
    """The page of a daemon, looked at until it shows what is expected."""

    def __init__(self, asking, browser):
        self.asking, self.browser = asking, browser
        self.control = asking.collectd.directory.parent / "control"
        self.collectd = asking.collectd
        browser.size(1200, 900)
        browser.scheme("light")
        browser.open("about:blank")
        browser.complaints()  # of a page whose daemon has ended
        browser.open(f"http://127.0.0.1:{asking.port}/")

    def put(self, name, value):
        self.collectd.put_value(name, value, interval=60)

    def verdict(self):
        return self.browser.text("#word")

    def expect(self, *texts, within="body"):
        """Waits until all of TEXTS can be read WITHIN a part of the page."""
        wait_until(lambda: all(text in self.browser.text(within) for text in texts), within=20,
                   explain=lambda: f"{texts} are not all in {within}:\n{self.browser.text(within)}\n{self.collectd.explain()}")

    def expect_verdict(self, text, state):
        self.expect(text, within=f"#verdict.{state} #word")
        self.is_well_made()

    def is_well_made(self):
        """What holds in every state, in light and dark, wide and narrow."""
        for scheme in ["light", "dark"]:
            self.browser.scheme(scheme)
            seen, faint = self.browser.run(FAINT)
            assert seen > 20 and faint == [], scheme
        self.browser.size(360, 800)
        assert self.browser.run("return document.documentElement.scrollWidth") <= 360
        self.browser.size(1200, 900)
        assert self.browser.complaints() == []


@pytest.fixture
def page(collectd, directory, browser):
    port = ports.allocate()
    collectd.load("resource_alert", f"""
  StatusListen "127.0.0.1:{port}"
  ControlSocket "{directory}/control"
  Journal "{directory}/journal"
  StateDir "{directory}/state"
  HelperDir "{build.BUILD}/libexec"
  {RULES}{RESPONSE.format(directory=directory)}""").start()
    return Page(Asking(collectd, port), browser)


def ctl(page, *arguments):
    subprocess.run([build.BUILD / "resource-alertctl", *arguments, "--socket", page.control],
                   check=True, stdout=subprocess.DEVNULL, timeout=30)


def test_before_the_first_reading(page):
    page.expect_verdict("No reading yet", "UNKNOWN")
    page.expect("UNKNOWN", "warning > 80, failure > 95", "no series yet", within="#rules")


def test_everything_is_okay(page):
    page.put("demo-a/percent-used", 41.5)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("Everything is OK", "OKAY")
    page.expect("2 rules, 2 series within the limits", within="#reasons")
    page.expect("OKAY", "used", "demo-a/percent-used", "41.5 %", "warning > 80, failure > 95", within="#rules details:first-child")
    page.expect("OFF", "degrade when used", "inactive", "slow_down off", within="#responses")
    page.expect("used from UNKNOWN", within="#events")
    assert page.browser.run("return document.title") == "OKAY – testhost"


def test_a_warning_is_first_and_names_value_and_limit(page):
    page.put("demo-a/percent-used", 41)
    page.put("demo-a/gauge-ready", 2)
    page.expect_verdict("1 rule needs attention", "WARNING")
    page.expect("ready is at 2, under its warning limit of 3, for ", within="#reasons")
    page.expect("ready", within="#rules details:first-child")


def test_a_failure(page):
    page.put("demo-a/percent-used", 97.25)
    page.put("demo-b/percent-used", 96)
    page.put("demo-a/gauge-ready", 2)
    page.expect_verdict("2 rules need attention", "FAILURE")
    page.expect("used is at 97.3 %, over its failure limit of 95 %", "demo-a/percent-used and 1 more", within="#reasons")


def test_a_series_that_stopped(page):
    page.collectd.put_value("demo-a/percent-used", 41, interval=1)
    page.expect("MISSING", within="#rules")
    page.expect_verdict("1 rule needs attention", "MISSING")
    page.expect("used has had no reading for ", within="#reasons")


def test_an_engaged_response_and_its_next_step(page):
    page.put("demo-a/percent-used", 85)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("1 rule needs attention", "WARNING")
    page.expect("degrade is engaged, 1 of 2 actions on; next: engage Switch cache in ", within="#reasons")
    page.expect("ENGAGED", "next: engage Switch cache in ", "● Switch slow_down on", "○ Switch cache off", within="#responses")
    page.expect("degrade Switch slow_down is on", "degrade from ENGAGING, caused by used", within="#events")


def test_a_broken_target(page, directory):
    (directory / "switches").write_text("no directory")
    page.put("demo-a/percent-used", 85)
    page.expect("Switch slow_down of degrade fails: ", within="#reasons")
    page.expect("to be switched on", "Not a directory", within="#responses .trouble")
    page.expect("Not a directory", within="#events .trouble")
    page.is_well_made()


def test_a_failed_self_test_is_shown_though_all_rules_are_okay(page, directory):
    page.put("demo-a/percent-used", 41)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("Everything is OK", "OKAY")
    (directory / "switches").write_text("no directory")
    ctl(page, "self-test")
    page.expect_verdict("2 problems need attention", "WARNING")
    page.expect("Switch slow_down of degrade fails: self-test failed: ", within="#reasons")


def test_commands_are_shown(page):
    ctl(page, "silence", "us*", "--for", "2h", "--comment", "changing disks")
    ctl(page, "silence", "*/demo-b/*", "--for", "10m")
    ctl(page, "mode", "dryrun", "degrade")
    ctl(page, "deactivate")
    ctl(page, "reset")
    ctl(page, "self-test")
    page.expect("us*", "h 59 min left", "changing disks", "*/demo-b/*", "no comment", within="#silences")
    page.expect("silenced", within="#rules details:first-child")
    page.expect("mode dryrun", within="#responses")
    page.expect("us* silenced for 2 h", "degrade mode dryrun, by ", "degrade deactivate, by ", "degrade reset, by ",
                "degrade self-test, by ", within="#events")
    page.is_well_made()
    ctl(page, "silence", "us*", "--end")
    page.expect("us* no longer silenced, by ", within="#events")


def test_a_dry_run_reads_as_one(page):
    ctl(page, "mode", "dryrun")
    page.put("demo-a/percent-used", 85)
    page.expect("Dry run. No response takes any action", within="#dryrun")
    page.expect("would be engaged", "would be on", within="#responses")
    page.expect("degrade would be engaged (dry run)", within="#reasons")
    page.expect("would be switched on", within="#events")
    page.is_well_made()
    status = subprocess.run([build.BUILD / "resource-alertctl", "status", "--socket", page.control], check=False,
                            capture_output=True, text=True).stdout
    for said in (status, page.browser.text("#responses"), page.browser.text("#events"), page.browser.text("#reasons")):
        assert not re.search(r"\bENGAGED\b|is on|confirmed|is engaged", said), said
    ctl(page, "mode", "auto")
    page.expect("is on", within="#events")
    assert page.browser.run("return document.getElementById('dryrun').hidden")


def test_a_thousand_series(page):
    for number in range(1000):
        page.put(f"demo-{number}/gauge-ready", 2 if number == 777 else 10)
    page.expect("ready is at 2", "demo-777/gauge-ready", within="#reasons")
    page.expect("1000 series", within="#rules details:first-child")
    page.browser.click("#rules details:first-child summary")
    page.expect("WARNING\tdemo-777/gauge-ready\t2", "and 980 more, none of them worse",
                within="#rules details:first-child .series tbody tr:first-child, #rules details:first-child .series > p")
    assert page.browser.run("return document.querySelectorAll('*').length") < 1000
    page.is_well_made()


def test_rules_open_by_keyboard_and_stay_open(page):
    page.put("demo-a/percent-used", 41)
    page.expect("OKAY", within="#rules")
    page.browser.press("TAB")
    assert page.browser.run("return document.activeElement.tagName") == "SUMMARY"
    page.browser.press("ENTER")
    page.expect("demo-a/percent-used", within="#rules details[open] td:nth-child(2)")
    page.put("demo-a/percent-used", 42)
    page.expect("42 %", within="#rules details[open] td:nth-child(3)")
    assert page.browser.run("return document.activeElement.tagName") == "SUMMARY"


def test_hostile_names_are_text(page):
    name = "<img src=x onerror=document.title=1>"
    page.put(f"{name}/demo-<b>&amp;/percent-used", 99)
    page.expect(f"{name}/demo-<b>&amp;/percent-used", within="#reasons")
    page.expect(f"{name}/demo-<b>&amp;/percent-used", within="#events")
    ctl(page, "silence", "</script><script>document.title=1</script>*", "--comment", "<b>bold</b>")
    page.expect("</script><script>document.title=1</script>*", "<b>bold</b>", within="#silences")
    assert page.browser.run("return document.querySelectorAll('img, script:not(:last-child)').length") == 0
    assert page.browser.run("return document.title") == "FAILURE – testhost"
    page.is_well_made()


def test_it_loads_nothing_from_elsewhere(page):
    page.expect("No reading yet")
    asked = page.browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert set(asked) == {f"http://127.0.0.1:{page.asking.port}/status"}


def test_a_daemon_that_goes_away_is_shown_and_waited_for(page):
    page.put("demo-a/percent-used", 41)
    page.expect("OKAY", within="#rules")
    page.collectd.stop()
    page.expect("The daemon does not respond", within="#verdict.LOST")
    page.expect("the data below is out of date", "41 %")
    page.collectd.start()
    page.put("demo-a/percent-used", 42)
    page.expect("42 %", within="#rules")
    assert "does not respond" not in page.verdict()


def test_the_picture_is_of_what_the_plugin_answers(page):
    """doc/status_picture.py's sample has the members of the daemon's response."""
    spec = importlib.util.spec_from_file_location("status_picture", build.SOURCE / "doc/status_picture.py")
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    page.put("demo-a/percent-used", 85)
    page.collectd.expect(lambda: page.asking.get()[1]["responses"][0]["state"] == "ENGAGED")
    real, sample = page.asking.get()[1], picture.sample(time.time())
    assert real.keys() == sample.keys()
    for name in ["rules", "responses"]:
        assert real[name][0].keys() == sample[name][0].keys()
    assert real["rules"][0]["series"][0].keys() == sample["rules"][0]["series"][0].keys()
    assert real["responses"][0]["actions"][0].keys() == sample["responses"][0]["actions"][0].keys()
    assert real["counts"].keys() == sample["counts"].keys()
