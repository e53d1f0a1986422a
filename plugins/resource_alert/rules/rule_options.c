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

static int check_metric(const char *value, struct error *error) {
  struct selector selector = {0};
  int code = selector_parse(value, &selector, error);
  selector_fini(&selector);
  return code;
}

int threshold_check_name(const char *label, struct error *error) {
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

static int check_order(const char *min_name, double min, const char *max_name,
                       double max, struct error *error) {
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
                         "Severity stands once, with two words: write "
                         "Severity \"warning\" \"critical\"");
}

static int check_only_if(const struct option_strings *words,
                         struct error *error) {
  if (words->len == 0) {
    return 0;
  }
  if (words->len != 2) {
    return error_set(error, -EINVAL,
                     "OnlyIf stands once, with two words: write OnlyIf "
                     "\"dbpool/current_connections-total\" \">= 5\"");
  }
  struct condition condition = {0};
  int code =
      condition_parse(words->items[0], words->items[1], &condition, error);
  condition_fini(&condition);
  return code;
}

static int check_threshold(const void *target, struct error *error) {
  const struct threshold_options *rule = target;
  if (isnan(rule->warning_min) && isnan(rule->warning_max) &&
      isnan(rule->failure_min) && isnan(rule->failure_max)) {
    return error_set(error, -EINVAL,
                     "has no limit: write WarningMin, WarningMax, FailureMin "
                     "or FailureMax");
  }
  int code = check_order("WarningMin", rule->warning_min, "WarningMax",
                         rule->warning_max, error);
  if (code == 0) {
    code = check_order("FailureMin", rule->failure_min, "FailureMax",
                       rule->failure_max, error);
  }
  if (code == 0 && rule->flap_limit > 0 && rule->flap_window_s <= 0) {
    code = error_set(error, -EINVAL,
                     "FlapLimit needs a window: write FlapWindow 600");
  }
  if (code == 0) {
    code = check_severities(&rule->severities, error);
  }
  return code != 0 ? code : check_only_if(&rule->only_if, error);
}

#define SECONDS(option_name, field, preset, text)                              \
  {                                                                            \
    .name = option_name, .kind = OPTION_NUMBER,                                \
    .offset = offsetof(struct threshold_options, field), .max = YEAR_S,        \
    .unit = "seconds", .default_text = preset, .help = text                    \
  }

static const struct option options[] = {
    {.name = "Metric",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct threshold_options, metrics),
     .is_required = true,
     .example = "\"statgrab-memory/percent-used\"",
     .check = check_metric,
     .help =
         "The series that the rule watches: "
         "C<[host/]plugin[-instance]/type[-instance][:data source]>, with the "
         "globs C<*>, C<?>, C<[a-z]> and C<[!a-z]> in every part. A glob "
         "matches the "
         "name as it is written: C<cpu*/percent*> takes C<cpu-0/percent-idle>. "
         "Without a host all hosts are watched, without a data source all of "
         "the type. May stand several "
         "times; a series is watched if one of the lines matches it."},
    LIMIT_OPTION_ROWS(threshold_options),
    {.name = "Hysteresis",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct threshold_options, hysteresis),
     .max = HUGE_VAL,
     .default_text = "0",
     .help = "How far a value must come back inside a limit before the limit "
             "counts as kept again, in the unit of the value."},
    SECONDS("For", for_s, "0",
            "How long every reading must be beyond a limit before the state "
            "gets worse. A single reading within the limit, or a gap of more "
            "than two intervals, starts the time afresh. Readings are taken "
            "as they come: C<10> at an interval of 10 seconds is the second "
            "reading in a rule."),
    SECONDS("RecoverFor", recover_s, "0",
            "How long every reading must be within the limits before the state "
            "gets better."),
    {.name = "Hits",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct threshold_options, hits),
     .min = 1,
     .max = 65535,
     .unit = "readings",
     .default_text = "1",
     .help = "How many readings in a rule must be beyond a limit before the "
             "state gets worse; together with B<For> both must be fulfilled."},
    {.name = "Missing",
     .kind = OPTION_WORD,
     .offset = offsetof(struct threshold_options, missing),
     .words = missing_words,
     .default_text = "warning",
     .help = "What it means when a series that was there stops for as many "
             "intervals as the global option B<Timeout> says. With C<ignore> "
             "its state becomes UNKNOWN and nobody is told."},
    {.name = "OnlyIf",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct threshold_options, only_if),
     .example = "\"dbpool/current_connections-total\" \">= 5\"",
     .help =
         "Two words: another value, C<plugin/type[-instance][:data source]> "
         "without globs, and what it must be, C<E<lt>>, C<E<lt>=>, C<E<gt>> or "
         "C<E<gt>=> and a number. Meanwhile only the rule counts; else every "
         "reading of it is as if it were within the limits. The other value is "
         "looked for on the host and with the plugin instance of the series "
         "that is judged; C<plugin-instance/...> means that instance, "
         "C<plugin-/...> none. One that is older than two of its intervals, or "
         "not there, is nothing."},
    SECONDS("RepeatInterval", repeat_s, "0",
            "Time between reminders while the state is not OKAY; C<0>: none."),
    SECONDS("FlapWindow", flap_window_s, "0",
            "See B<FlapLimit>; the time in which changes are counted."),
    {.name = "FlapLimit",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct threshold_options, flap_limit),
     .max = 100,
     .unit = "changes",
     .default_text = "0",
     .help = "A series whose state changes more often than this within "
             "B<FlapWindow> flaps: from then on it gets better only after a "
             "whole B<FlapWindow> within the limits. C<0>: never."},
    {.name = "Invert",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct threshold_options, is_inverted),
     .default_text = "false",
     .help = "A value inside the limits is bad, one outside is good."},
    {.name = "Percentage",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct threshold_options, is_percentage),
     .default_text = "false",
     .help =
         "The limits are percentages of the sum over all data sources of "
         "the type, as in C<df> with its data sources C<used> and C<free>."},
    {.name = "Persist",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct threshold_options, is_persistent),
     .default_text = "false",
     .help = "Every reading that is not okay is told, not only the change. "
             "B<RepeatInterval> does the same at a bearable rate."},
    {.name = "PersistOK",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct threshold_options, is_okay_persistent),
     .default_text = "false",
     .help = "Every reading that is okay is told."},
    {.name = "Severity",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct threshold_options, severities),
     .example = "\"warning\" \"critical\"",
     .help = "Your words for WARNING and FAILURE, two of them, for people and "
             "programs that sort by them: C<%{severity}> in B<Message>, "
             "C<Severity> in the notification's meta data, C<severity> in the "
             "journal. Without this option C<warning> and C<failure>. Of a "
             "series that is missing it is the one that B<Missing> says."},
    {.name = "Message",
     .kind = OPTION_STRING,
     .offset = offsetof(struct threshold_options, message),
     .example = "\"%{plugin_instance} is %{value}% used\"",
     .check = message_check,
     .help =
         "The notification's text, at most 255 bytes. C<%{NAME}> stands for: "
         "C<rule>, C<host>, C<plugin>, C<plugin_instance>, C<type>, "
         "C<type_instance>, C<data_source>, C<value>, C<limit>, C<state>, "
         "C<previous>, C<since>, C<unit>, C<severity>. Without this option it "
         "is the line "
         "that is logged."},
    {.name = "Unit",
     .kind = OPTION_STRING,
     .offset = offsetof(struct threshold_options, unit),
     .default_text = "",
     .example = "\"%\"",
     .help = "What C<%{unit}> stands for in B<Message>."},
};

const struct option_block threshold_block = {
    .name = "Threshold",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct threshold_options),
    .help = "One rule of the table of thresholds. Each series that it matches "
            "has a state of its own: UNKNOWN, OKAY, WARNING, FAILURE or "
            "MISSING.",
    .options = options,
    .options_len = OPTION_COUNT(options),
    .check_label = threshold_check_name,
    .check = check_threshold,
};
