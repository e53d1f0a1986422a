/* SPDX-License-Identifier: MIT */
/* rule_options: the options of a <Threshold> block. */
#include "resource_alert/rules/rule_options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "resource_alert/rules/condition.h"
#include "resource_alert/rules/message.h"
#include "resource_alert/rules/metric_selector.h"

#define NAME_BYTES 64
#define YEAR_S (365.0 * 86400)

static const char *const missing_words[] = {"ignore", "warning", "failure",
                                            NULL};

/* Compiles the line only to find its mistakes. */
static int check_metric(const char *value, struct error *error) {
  struct metric_selector selector = {0};
  int code = metric_selector_init(&selector, value, error);
  metric_selector_fini(&selector);
  return code;
}

int rule_options_check_label(const char *label, struct error *error) {
  size_t length = strlen(label);
  if (length >= NAME_BYTES) {
    return error_set(error, -EINVAL, "the name is longer than %d bytes",
                     NAME_BYTES - 1);
  }
  for (size_t i = 0; i < length; i++) {
    if (!isalnum((unsigned char)label[i]) && strchr("_.-", label[i]) == NULL) {
      return error_set(error, -EINVAL,
                       "the name may hold letters, digits and _ . - only");
    }
  }
  return 0;
}

static int check_limit_order(const char *min_name, double min,
                             const char *max_name, double max,
                             struct error *error) {
  if (min > max) {
    return error_set(error, -EINVAL, "%s %.15g is greater than %s %.15g",
                     min_name, min, max_name, max);
  }
  return 0;
}

static int check_severities(const struct option_strings *words,
                            struct error *error) {
  return words->len == 0 || words->len == 2
             ? 0
             : error_set(error, -EINVAL,
                         "Severity takes two words, once: write "
                         "Severity \"warning\" \"critical\"");
}

static int check_only_if(const struct option_strings *words,
                         struct error *error) {
  if (words->len % 2 != 0 || words->len > (size_t)2 * CONDITIONS_MAX) {
    return error_set(error, -EINVAL,
                     "OnlyIf takes two words, and at most %d such lines: write "
                     "OnlyIf \"dbpool/current_connections-total\" \">= 5\"",
                     CONDITIONS_MAX);
  }
  int code = 0;
  for (size_t i = 0; i < words->len && code == 0; i += 2) {
    struct condition condition = {0};
    code =
        condition_init(&condition, words->items[i], words->items[i + 1], error);
    condition_fini(&condition);
  }
  return code;
}

static int check_link(const char *url, struct error *error) {
  return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0
             ? 0
             : error_set(error, -EINVAL,
                         "is not a URL that begins with https:// or http://");
}

/* What no single option can check. */
static int check_threshold(const void *target, struct error *error) {
  const struct rule_options *rule = target;
  const struct rule_limits *limits = &rule->limits;
  if (isnan(limits->warning_min) && isnan(limits->warning_max) &&
      isnan(limits->failure_min) && isnan(limits->failure_max)) {
    return error_set(error, -EINVAL,
                     "has no limit: write WarningMin, WarningMax, FailureMin "
                     "or FailureMax");
  }
  int code = check_limit_order("WarningMin", limits->warning_min, "WarningMax",
                               limits->warning_max, error);
  if (code == 0) {
    code = check_limit_order("FailureMin", limits->failure_min, "FailureMax",
                             limits->failure_max, error);
  }
  if (code == 0) {
    code = check_severities(&rule->severities, error);
  }
  return code != 0 ? code : check_only_if(&rule->only_if, error);
}

#define SECONDS(option_name, field, preset, text)                              \
  {                                                                            \
    OPTION(option_name, NUMBER, struct rule_options, limits.field),            \
        .max = YEAR_S, .unit = "seconds", .default_text = preset, .help = text \
  }

static const struct option threshold_option_rows[] = {
    {OPTION("Metric", STRINGS, struct rule_options, metrics),
     .is_required = true, .example = "\"statgrab-memory/percent-used\"",
     .check = check_metric,
     .help =
         "The series that the rule watches: "
         "C<[host/]plugin[-instance]/type[-instance][:data source]>, with the "
         "wildcards C<*>, C<?>, C<[a-z]> and C<[!a-z]> in every part. A "
         "wildcard also matches a hyphen: C<cpu*/percent*> matches "
         "C<cpu-0/percent-idle>. Without a host, all hosts are watched. "
         "Without a data source, all data sources of the type are watched. The "
         "option may be repeated; a series is watched if one of the patterns "
         "matches it."},
    {OPTION("Except", STRINGS, struct rule_options, exceptions),
     .example = "\"dbpool-billing/*\"", .check = check_metric,
     .help = "Series that the rule leaves out although B<Metric> matches them, "
             "written as in B<Metric>; another rule can then have limits of "
             "its own for them. The option may be repeated."},
    RULE_LIMIT_OPTIONS(rule_options),
    SECONDS("For", for_s, "0",
            "The state gets worse when all readings of this time were beyond a "
            "limit. A single reading within the limit, or a gap of more than "
            "two intervals, restarts the time. With C<10> and an interval of "
            "10 seconds the state changes with the second consecutive "
            "reading."),
    SECONDS("RecoverFor", recover_s, "0",
            "The state gets better when all readings of this time were within "
            "the limits. After a pause of the series the state is UNKNOWN "
            "meanwhile."),
    {OPTION("Hits", INTEGER, struct rule_options, limits.hits), .min = 1,
     .max = 65535, .unit = "readings", .default_text = "1",
     .help = "Number of consecutive readings beyond a limit before the state "
             "gets worse. If B<For> is also set, both conditions must be met."},
    {OPTION("Missing", WORD, struct rule_options, limits.missing),
     .words = missing_words, .default_text = "warning",
     .help = "The severity of a missing series: one without a new value for "
             "the number of intervals that collectd's global option B<Timeout> "
             "sets. With C<ignore> its state becomes UNKNOWN and no "
             "notification is sent; a state that was notified before the pause "
             "is not notified again after it. A series that never had a value "
             "is not missing."},
    {OPTION("OnlyIf", STRINGS, struct rule_options, only_if),
     .example = "\"dbpool/current_connections-total\" \">= 5\"",
     .help =
         "A condition on another value; two such lines are allowed, and both "
         "conditions must hold. The first word names the value, "
         "C<plugin/type[-instance][:data source]>, without wildcards. The "
         "second word is a comparison: C<E<lt>>, C<E<lt>=>, C<E<gt>> or "
         "C<E<gt>=> and a number. While the comparison is false, every reading "
         "of the rule counts as within the limits. The comparison is also "
         "false if the value is absent or older than two of its intervals. "
         "The value has the same host and plugin instance as the series that "
         "the rule evaluates. Write C<plugin-instance/...> for another plugin "
         "instance, and C<plugin-/...> for a value without one."},
    SECONDS("RepeatInterval", repeat_s, "0",
            "Time between reminders while the state is not OKAY. 0: no "
            "reminders."),
    {OPTION("Severity", STRINGS, struct rule_options, severities),
     .example = "\"warning\" \"critical\"",
     .help = "Two names, for WARNING and for FAILURE. They are used as "
             "C<%{severity}> in B<Message>, as C<SeverityName> in the "
             "notification's meta data and as C<severity> in the journal. The "
             "default names are C<warning> and C<failure>. A missing series "
             "has the severity that B<Missing> sets."},
    {OPTION("Message", STRING, struct rule_options, message),
     .example = "\"%{plugin_instance} is %{value}% used\"",
     .check = message_check,
     .help =
         "The notification's text in the states WARNING and FAILURE, at most "
         "255 bytes. C<%{NAME}> is replaced; the names are C<rule>, C<host>, "
         "C<plugin>, C<plugin_instance>, C<type>, C<type_instance>, "
         "C<data_source>, C<value>, C<limit>, C<count>, C<interval>, C<state>, "
         "C<previous>, C<since>, C<unit> and C<severity>. C<count> is, for a "
         "value that is a rate, how often it happened in the last C<interval> "
         "seconds. Without this option the text is the line that is logged."},
    {OPTION("MessageOkay", STRING, struct rule_options, message_okay),
     .example = "\"%{plugin_instance} is %{value}% used, well again\"",
     .check = message_check,
     .help =
         "The same for the state OKAY, with C<peak>, the worst value of "
         "the incident, and C<lasted>, how long it was. Without this option "
         "the text is the line that is logged, which has both."},
    {OPTION("MessageMissing", STRING, struct rule_options, message_missing),
     .example = "\"%{plugin_instance}: no values\"", .check = message_check,
     .help = "The same for a missing series. Without this option the text is "
             "the line that is logged."},
    {OPTION("Unit", STRING, struct rule_options, unit), .default_text = "",
     .example = "\"%\"",
     .help = "Text that replaces C<%{unit}> in B<Message>."},
    {OPTION("Runbook", STRING, struct rule_options, runbook),
     .check = check_link, .example = "\"https://wiki.example.org/pool\"",
     .help = "URL of what to do when the rule is not OKAY. The status page "
             "links to it."},
    {OPTION("Link", STRING, struct rule_options, link), .check = check_link,
     .example = "\"https://grafana.example.org/d/pool\"",
     .help = "URL of more about the values, such as a dashboard. The status "
             "page links to it."},
};

const struct option_block rule_options_block = {
    .name = "Threshold",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct rule_options),
    .help = "One rule. It has one alert for each series that it matches, with "
            "the state UNKNOWN, OKAY, WARNING, FAILURE or MISSING.",
    OPTION_ROWS(threshold_option_rows),
    .check_label = rule_options_check_label,
    .check = check_threshold,
};

const struct option_block rule_options_override_block = {
    .name = "Override",
    .amends = "Threshold",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct rule_options),
    .help =
        "Changes options of the B<E<lt>ThresholdE<gt>> block of that name, "
        "which must have been read before: put it into a file whose name sorts "
        "behind F<40-thresholds.conf>, and the installed file needs no edit. "
        "Options that are not written keep their values. B<Metric>, B<Except>, "
        "B<OnlyIf> and B<Severity> replace all such lines of the rule. If two "
        "blocks change one option, the later one applies. C<resource-alertctl "
        "check> prints each change with both places.",
    OPTION_ROWS(threshold_option_rows),
    .check = check_threshold,
};
