/* SPDX-License-Identifier: MIT */
/* scenario_options: what a file of tests may hold. */
#include <errno.h>
#include <string.h>

#include "ctl/duration.h"
#include "ctl/simulate/identity.h"
#include "ctl/simulate/notation.h"
#include "ctl/simulate/scenario.h"
#include "resource_alert/responses/response.h"

static int check_series(const char *label, struct error *error) {
  struct reading_names unused;
  return identity_parse(label, &unused, error);
}

static int check_values(const char *value, struct error *error) {
  struct notation unused = {0};
  int code = notation_parse(value, &unused, error);
  notation_fini(&unused);
  return code;
}

/* "0" is the moment of the first reading; durations are more than 0. */
static int check_moment(const char *label, struct error *error) {
  double unused;
  return strcmp(label, "0") == 0 ? 0 : duration_parse(label, &unused, error);
}

int scenario_parse_severity(const char *word, enum notification_severity *ret,
                            struct error *error) {
  static const char *const words[] = {[NOTIFICATION_FAILURE] = "failure",
                                      [NOTIFICATION_WARNING] = "warning",
                                      [NOTIFICATION_OKAY] = "okay"};
  for (int i = NOTIFICATION_FAILURE; i <= NOTIFICATION_OKAY; i++) {
    if (strcmp(words[i], word) == 0) {
      *ret = (enum notification_severity)i;
      return 0;
    }
  }
  return error_set(error, -EINVAL,
                   "Notification \"%s\": no such severity; write failure, "
                   "warning or okay",
                   word);
}

static int check_notices(const struct option_strings *notifications,
                         struct error *error) {
  for (size_t i = 0; i < notifications->len; i += SCENARIO_NOTICE_WORDS) {
    enum notification_severity severity;
    struct reading_names names;
    int code =
        scenario_parse_severity(notifications->items[i], &severity, error);
    if (code == 0) {
      code = identity_parse_speaker(notifications->items[i + 1], &names, error);
    }
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int check_words(const void *target, struct error *error) {
  const struct scenario_moment *moment = target;
  if (moment->rules.len % 2 != 0 || moment->responses.len % 2 != 0 ||
      moment->notifications.len % SCENARIO_NOTICE_WORDS != 0) {
    return error_set(error, -EINVAL,
                     "write Rule \"NAME\" \"STATE\", Response \"NAME\" "
                     "\"STATE\" and Notification \"SEVERITY\" "
                     "\"HOST/PLUGIN-INSTANCE/TYPE-INSTANCE\" \"MESSAGE\"");
  }
  for (size_t i = 1; i < moment->rules.len; i += 2) {
    enum alert_state unused;
    if (!alert_state_parse(moment->rules.items[i], &unused)) {
      return error_set(error, -EINVAL,
                       "Rule \"%s\" \"%s\": no such state; write UNKNOWN, "
                       "OKAY, WARNING, FAILURE or MISSING",
                       moment->rules.items[i - 1], moment->rules.items[i]);
    }
  }
  for (size_t i = 1; i < moment->responses.len; i += 2) {
    enum response_state unused;
    if (!response_state_parse(moment->responses.items[i], &unused)) {
      return error_set(error, -EINVAL,
                       "Response \"%s\" \"%s\": no such state; write OFF, "
                       "ENGAGING, ENGAGED or RELEASING",
                       moment->responses.items[i - 1],
                       moment->responses.items[i]);
    }
  }
  return check_notices(&moment->notifications, error);
}

static const struct option series_options[] = {
    {.name = "Values",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct scenario_series, values),
     .is_required = true,
     .example = "\"40x6 90x3 _x2\"",
     .check = check_values,
     .help = "The readings, one an interval."},
    {.name = "Source",
     .kind = OPTION_STRING,
     .offset = offsetof(struct scenario_series, source),
     .default_text = "value",
     .help = "The name of the data source."},
};

static const struct option_block series_block = {
    .name = "Series",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario_series),
    .options = series_options,
    .options_len = OPTION_COUNT(series_options),
    .check_label = check_series,
    .help = "A series.",
};

static const struct option moment_options[] = {
    {.name = "Rule",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct scenario_moment, rules),
     .help = "A rule and its state."},
    {.name = "Response",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct scenario_moment, responses),
     .help = "A response and its state."},
    {.name = "Notification",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct scenario_moment, notifications),
     .help = "What another plugin says."},
};

static const struct option_block moment_block = {
    .name = "At",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario_moment),
    .options = moment_options,
    .options_len = OPTION_COUNT(moment_options),
    .check_label = check_moment,
    .check = check_words,
    .help = "A moment.",
};

static const struct option scenario_options[] = {
    {.name = "Interval",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct scenario, interval_s),
     .min = 0.1,
     .max = 86400,
     .unit = "seconds",
     .default_text = "10",
     .help = "Between two readings."},
    {.name = "Series",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct scenario, series),
     .block = &series_block},
    {.name = "At",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct scenario, moments),
     .block = &moment_block},
};

static const struct option_block scenario_block = {
    .name = "Test",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct scenario),
    .options = scenario_options,
    .options_len = OPTION_COUNT(scenario_options),
    .help = "A test.",
};

static const struct option file_options[] = {
    {.name = "Configuration",
     .kind = OPTION_STRING,
     .offset = offsetof(struct scenario_file, configuration),
     .help = "The collectd.conf under test."},
    {.name = "Test",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct scenario_file, scenarios),
     .block = &scenario_block},
};

const struct option_block scenario_file_block = {
    .name = "tests",
    .size = sizeof(struct scenario_file),
    .options = file_options,
    .options_len = OPTION_COUNT(file_options),
    .help = "A file of tests.",
};
