# SPDX-License-Identifier: MIT
"""The status page as a user sees it, in a real Chromium: every state, both
colour schemes, a narrow screen, the keyboard, hostile names."""
import importlib.util
import json
import re
import shutil
import subprocess
import time
import urllib.request

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
    page.expect("UNKNOWN", "warning > 80 %, failure > 95 %", "no series yet", within="#rules")


def test_everything_is_okay(page):
    page.put("demo-a/percent-used", 41.5)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("Everything is OK", "OKAY")
    page.expect("2 rules, 2 series within the limits", within="#reasons")
    page.expect("OKAY", "used", "demo-a/percent-used", "41.5 %", "warning > 80 %, failure > 95 %", within="#rules details:first-child")
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


def break_store(page, directory):
    page.collectd.expect((directory / "switches/.readers").is_dir)  # else it would come in between
    shutil.rmtree(directory / "switches")
    (directory / "switches").write_text("no directory")


def test_a_switch_that_nobody_reads_is_visible(page, directory):
    page.put("demo-a/percent-used", 85)
    page.expect("no reader seen", within="#responses")
    page.collectd.expect((directory / "switches/.readers").is_dir)
    (directory / "switches/.readers/host.1").write_text(json.dumps({"reader": "<b>shop", "switches": ["slow_down"]}))
    page.expect("read by <b>shop ", within="#responses")


def test_a_broken_target(page, directory):
    break_store(page, directory)
    page.put("demo-a/percent-used", 85)
    page.expect("Switch slow_down of degrade fails: ", within="#reasons")
    page.expect("to be switched on", "Not a directory", within="#responses .trouble")
    page.expect("Not a directory", within="#events .trouble")
    page.is_well_made()


def test_a_failed_self_test_is_shown_though_all_rules_are_okay(page, directory):
    page.put("demo-a/percent-used", 41)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("Everything is OK", "OKAY")
    break_store(page, directory)
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


@pytest.fixture
def sixty(collectd, directory, browser):
    """A page of 60 rules on one value each."""
    port = ports.allocate()
    rules = "".join(f'<Threshold "rule_{number:02}">\nMetric "demo-{number:02}/percent-used"\nUnit "%"\nWarningMax 80\nFor 0\n'
                    'RecoverFor 0\n</Threshold>\n' for number in range(60))
    rules = rules.replace('Unit "%"', 'Unit "%"\nRunbook "https://wiki.example.org/rule"', 1)
    collectd.load("resource_alert", f'StatusListen "127.0.0.1:{port}"\nStateDir "{directory}/state"\nJournal "{directory}/journal"\n{rules}')
    collectd.start()
    return Page(Asking(collectd, port), browser)


def test_sixty_rules_are_on_one_screen_and_can_be_filtered(sixty):
    for number in range(60):
        sixty.put(f"demo-{number:02}/percent-used", 90 if number == 33 else 40)
    sixty.expect_verdict("1 rule needs attention", "WARNING")
    sixty.expect("rule_33", "WARNING", within="#rules")
    sixty.expect("rule_00", "rule_59", "40 %", within="#lines")
    run = sixty.browser.run
    assert run("return document.querySelectorAll('#rules details').length") == 1
    assert run("return document.querySelectorAll('#lines details').length") == 59
    assert run("return document.getElementById('lines').getBoundingClientRect().bottom") <= 900
    run("document.getElementById('filter').focus()")
    sixty.browser.type("RULE_1 okay")
    sixty.expect("rule_10", within="#lines")
    assert run("return document.querySelectorAll('#lines details').length") == 10
    assert run("return document.querySelectorAll('#rules details').length") == 0
    sixty.browser.type("x")
    sixty.expect("No rule matches the filter.", within="#no-rule")
    sixty.is_well_made()


def load_picture():
    spec = importlib.util.spec_from_file_location("status_picture", build.SOURCE / "doc/status_picture.py")
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    return picture


def test_a_rule_links_to_its_runbook(sixty):
    sixty.put("demo-00/percent-used", 90)
    sixty.expect("WARNING", within="#rules")
    sixty.browser.click("#rules summary")
    sixty.expect("Runbook", within="#rules details[open] a[href='https://wiki.example.org/rule'][rel=noreferrer]")


def test_a_rule_opens_to_a_chart_with_its_axes(browser):
    picture = load_picture()
    with picture.serve(build.BUILD, picture.sample(time.time())) as port:
        browser.size(1200, 900)
        browser.open("about:blank")
        browser.complaints()  # of a page whose daemon has ended
        browser.open(f"http://127.0.0.1:{port}/")
        wait_until(lambda: browser.text("#rules"), within=20)
        browser.click("#rules details:first-child summary")
        assert {"95 %", "80 %", "1 h ago", "30 min ago", "now"} <= set(browser.text("#rules .chart").split("\n"))
        assert "watches dbpool-trading/percent-used" in browser.text("#rules details[open]")
        assert browser.run("return document.querySelector('#rules summary').getAttribute('aria-label')") \
            == "pool_used, WARNING, 86.7 %, warning > 80 %, failure > 95 %, for 6 min"
        assert re.search(r"pool_used is at 86.7 %, over its warning limit of 80 %, for 6 min; peak 8[789]\.\d %", browser.text("#reasons"))
        assert browser.complaints() == []


def test_a_response_that_still_acts_is_not_shown_as_well(page):
    page.put("demo-a/percent-used", 85)
    page.put("demo-a/gauge-ready", 10)
    page.expect("ENGAGED", within="#responses")
    assert page.browser.run("return document.getElementById('responses').compareDocumentPosition(document.getElementById('rules'))") & 4
    page.put("demo-a/percent-used", 41)
    page.expect("Everything is OK", within="#verdict.OKAY #word")
    assert page.browser.run("return document.getElementById('responses').compareDocumentPosition(document.getElementById('rules'))") & 2
    page.expect("used from WARNING", "degrade from RELEASING", within="#events details[open]")
    page.expect("used, ready, degrade", within="#events summary")


def test_the_page_is_in_chinese_for_who_prefers_it(page):
    def language(wanted):
        headers = {"Accept-Language": wanted} if wanted else {}
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{page.asking.port}/", headers=headers), timeout=10) as answer:
            return re.search(r'<html lang="(\w+)">', answer.read().decode()).group(1)

    assert [language(wanted) for wanted in ["zh-CN,zh;q=0.9,en;q=0.8", "zh", "de,zh-TW;q=0.5", "fr,en;q=0.5,zh;q=0.7"]] == ["zh"] * 4
    assert [language(wanted) for wanted in [None, "", "en", "de", "en-US,en;q=0.9,zh;q=0.8", "zho", "*"]] == ["en"] * 7
    page.browser.language("zh-CN,zh")
    page.browser.open(f"http://127.0.0.1:{page.asking.port}/")
    page.put("demo-a/percent-used", 85)
    page.put("demo-a/gauge-ready", 10)
    page.expect_verdict("1 条规则需要处理", "WARNING")
    page.expect("used 当前为 85 %, 高于警告阈值 80 %, 已持续 ", within="#reasons")
    page.expect("警告", "正常", within="#rules")
    page.browser.language("en")


def test_each_text_of_the_page_has_its_translation():
    place = build.SOURCE / "plugins/resource_alert/status/page"
    script = "".join(path.read_text(encoding="utf-8") for path in place.glob("*.js") if not path.name.startswith("words"))
    texts = set(re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', script))
    for arguments in re.findall(r'\bplural\([^"]*?, ("[^"]*"), ("[^"]*")', script):
        texts |= {text.strip('"') for text in arguments}
    for table in re.findall(r"\b[A-Z]+_WORDS = ([\[{].*?[\]}]);", script, re.S):
        texts |= set(re.findall(r'"([^"]*)"', table))
    texts |= set(re.findall(r"data-t>([^<]*)<", (place / "status.html").read_text(encoding="utf-8")))
    words = (place / "words_zh.js").read_text(encoding="utf-8")
    known = {quoted or bare for quoted, bare in re.findall(r'(?:"([^"]*)"|\b(\w+)):\s+"', words)}
    assert len(texts) > 100 and texts - known == set()


def test_the_status_is_there_as_text(page):
    page.put("demo-a/percent-used", 85)
    page.expect("WARNING", within="#rules")
    with urllib.request.urlopen(f"http://127.0.0.1:{page.asking.port}/status.txt", timeout=10) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert re.search(r"^testhost: WARNING, mode auto$", text, re.M) and "\033" not in text
    assert re.search(r"^WARNING used +85 % +>80 >95 .*demo-a/percent-used$", text, re.M), text


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
    picture = load_picture()
    page.put("demo-a/percent-used", 85)
    page.collectd.expect(lambda: page.asking.get()[1]["responses"][0]["state"] == "ENGAGED")
    real, sample = page.asking.get()[1], picture.sample(time.time())
    assert real.keys() == sample.keys()
    for name in ["rules", "responses"]:
        assert real[name][0].keys() == sample[name][0].keys()
    assert real["rules"][0]["series"][0].keys() == sample["rules"][0]["series"][0].keys()
    assert real["responses"][0]["actions"][0].keys() == sample["responses"][0]["actions"][0].keys()
    assert real["counts"].keys() == sample["counts"].keys()
