# SPDX-License-Identifier: MIT
"""Every option of the tables is in the manual and in a sample file."""
import re
import subprocess

import pytest
from conventions import BUILD, NAMES, ROOT

REFERENCE = BUILD / "doc" / "option_reference"
SAMPLES = sorted((ROOT / "conf.d").glob("*.conf"))


def reference(*arguments):
    return subprocess.run([REFERENCE, *arguments], capture_output=True, text=True)


def options():
    lines = reference("list").stdout.splitlines()
    return [tuple(line.split("\t", 1)) for line in lines]


def uncommented(text):
    """A sample with its commented options (#Name value, #<Block>) switched on."""
    return re.sub(r"^(\s*)#(?=[A-Z<])", r"\1", text, flags=re.M)


def plugin_texts(name):
    return [(p, t) for p in SAMPLES if f"<Plugin {name}>" in (t := uncommented(p.read_text()))
            or f'<Plugin "{name}">' in t]


@pytest.mark.parametrize("path, text", options(), ids=[path for path, _ in options()])
def test_every_option_is_explained(path, text):
    assert len(text) > 10, f"{path} has no help in its table"


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_its_line_in_the_manual(name):
    page = (BUILD / "doc" / "collectd-resource-alert.pod").read_text()
    section = "".join(re.findall(rf"^=head1 (?:PLUGIN|OPTIONS OF) {name}\n.*?(?=^=head1)", page, re.S | re.M))
    missing = [path for path, _ in options() if path.startswith(f"{name}/")
               and not re.search(rf"^=item B<(E<lt>)?{path.rsplit('/', 1)[1]}(E<gt>|\b)", section, re.M)]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_shown_in_a_sample(name, tmp_path):
    texts = plugin_texts(name)
    assert texts, f"no file in conf.d has a <Plugin {name}>"
    bodies = []
    for _, text in texts:
        bodies += re.findall(rf'^<Plugin "?{name}"?>\n(.*?)^</Plugin>', text, re.M | re.S)
    merged = tmp_path / f"{name}.conf"
    merged.write_text(f"<Plugin {name}>\n{''.join(bodies)}</Plugin>\n")
    result = reference("shown", merged)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_a_sample_is_valid_unchanged(path):
    result = reference("parse", path)
    assert result.returncode == 0, result.stderr


def test_a_missing_option_is_found(tmp_path):
    sample = tmp_path / "x.conf"
    sample.write_text("<Plugin resource_alert>\n  Nothing 1\n</Plugin>\n")
    assert reference("shown", sample).returncode == 1
    assert "unknown option Nothing" in reference("parse", sample).stderr
