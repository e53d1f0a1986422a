/* SPDX-License-Identifier: MIT */
/* notification: a <Notification> row: what other plugins say is bad. */
#include "resource_alert/table/notification.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/table/threshold_options.h"

#define DAY_S 86400

static const char *const severity_words[] = {
    [NOTICE_FAILURE] = "failure",
    [NOTICE_WARNING] = "warning",
};

static int check_severity(const char *value, struct error *error) {
  bool is_known = strcmp(value, severity_words[NOTICE_WARNING]) == 0 ||
                  strcmp(value, severity_words[NOTICE_FAILURE]) == 0;
  return is_known
             ? 0
             : error_set(error, -EINVAL, "is not \"warning\" or \"failure\"");
}

#define GLOB(option_name, field, sample, text)                                 \
  {                                                                            \
    .name = option_name, .kind = OPTION_STRING,                                \
    .offset = offsetof(struct notification_options, field),                    \
    .default_text = "*", .example = sample, .check = glob_check, .help = text  \
  }

static const struct option options[] = {
    GLOB("Plugin", plugin, "\"threshold\"",
         "The plugin that speaks, a glob as in B<Metric>; likewise below."),
    GLOB("PluginInstance", plugin_instance, "\"trading\"", "Its instance."),
    GLOB("Host", host, "\"web*\"", "The host that it speaks of."),
    GLOB("Type", type, "\"percent\"", "The type, often empty."),
    GLOB("TypeInstance", type_instance, "\"used\"", "Its instance."),
    GLOB("Message", message, "\"*leak*\"", "What it says."),
    {.name = "Severity",
     .kind = OPTION_STRINGS,
     .offset = offsetof(struct notification_options, severities),
     .example = "\"failure\"",
     .check = check_severity,
     .help = "C<warning>, C<failure> or both: what puts the row into that "
             "state. Where it is not written both do. Any other notification "
             "of the same names puts it back to OKAY, whatever its message."},
    {.name = "TTL",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct notification_options, ttl_s),
     .min = 1,
     .max = DAY_S,
     .unit = "seconds",
     .default_text = "3600",
     .help = "How long one notification counts, if no other one says that it "
             "is over: many plugins never do. Each further one counts anew."},
};

const struct option_block notification_block = {
    .name = "Notification",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct notification_options),
    .help = "A row that is fed by notifications: of collectd's other plugins, "
            "or of other hosts by C<network>; never by this plugin's own. It "
            "has a state for each host, plugin and type that notifications "
            "speak of, in the journal, in the status and for the B<When> of a "
            "response; it sends none itself, since whoever is to hear of it "
            "has heard it.",
    .options = options,
    .options_len = OPTION_COUNT(options),
    .check_label = threshold_check_name,
};

static bool speaks_of(const struct notification_options *row,
                      const struct notice *notice) {
  return glob_matches(row->plugin, notice->plugin) &&
         glob_matches(row->plugin_instance, notice->plugin_instance) &&
         glob_matches(row->host, notice->host) &&
         glob_matches(row->type, notice->type) &&
         glob_matches(row->type_instance, notice->type_instance);
}

static bool is_bad(const struct notification_options *row,
                   enum notice_severity severity) {
  if (severity == NOTICE_OKAY) {
    return false;
  }
  bool is_named = row->severities.len == 0;
  for (size_t i = 0; i < row->severities.len; i++) {
    is_named = is_named ||
               strcmp(row->severities.items[i], severity_words[severity]) == 0;
  }
  return is_named;
}

enum notification_word notification_word(const struct notification_options *row,
                                         const struct notice *notice) {
  if (!speaks_of(row, notice)) {
    return NOTIFICATION_NOTHING;
  }
  if (!is_bad(row, notice->severity)) {
    return NOTIFICATION_OKAY;
  }
  if (!glob_matches(row->message, notice->message)) {
    return NOTIFICATION_NOTHING;
  }
  return notice->severity == NOTICE_FAILURE ? NOTIFICATION_FAILURE
                                            : NOTIFICATION_WARNING;
}

static void put(char *place, const char *text) {
  (void)snprintf(place, READING_NAME_BYTES, "%s", text);
}

void notification_names(const struct notice *notice,
                        struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  put(ret_names->host, notice->host);
  put(ret_names->plugin, notice->plugin);
  put(ret_names->plugin_instance, notice->plugin_instance);
  put(ret_names->type, notice->type);
  put(ret_names->type_instance, notice->type_instance);
}
