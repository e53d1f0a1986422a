/* SPDX-License-Identifier: MIT */
/* removed_alerts: saved alerts that no rule watches after a restart: they are
 * closed, so that nobody waits for their recovery. */
#include "resource_alert/alerts/removed_alerts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rule is not one of the configuration: it has a name and no limits. */
struct removed_alerts {
  struct removed_alerts *next;
  struct rule rule;
  struct alert_event event; /* as it was saved */
  char name[];
};

static bool is_same_alert(const struct removed_alerts *item, const char *rule,
                          const struct alert_event *saved) {
  return strcmp(item->name, rule) == 0 &&
         strcmp(item->event.source, saved->source) == 0 &&
         memcmp(&item->event.names, &saved->names, sizeof(saved->names)) == 0;
}

static struct removed_alerts *add_removed_alert(struct removed_list *list,
                                                const char *rule) {
  size_t bytes = strlen(rule) + 1;
  struct removed_alerts *item = calloc(1, sizeof(*item) + bytes);
  if (item == NULL) {
    return NULL;
  }
  memcpy(item->name, rule, bytes);
  item->rule = (struct rule){
      .limits = {.warning_min = (double)NAN,
                 .warning_max = (double)NAN,
                 .failure_min = (double)NAN,
                 .failure_max = (double)NAN},
      .is_stock = strchr(rule, '/') != NULL, /* no <Threshold> has that */
      .name = item->name,
      .unit = "",
      .warning_word = "warning",
      .failure_word = "failure",
  };
  item->next = list->first;
  list->first = item;
  return item;
}

static void format_series(struct alert_event *event, bool has_many_sources) {
  const struct reading_names *names = &event->names;
  (void)snprintf(
      event->series, sizeof(event->series), "%s/%s%s%s/%s%s%s%s%s", names->host,
      names->plugin, names->plugin_instance[0] == '\0' ? "" : "-",
      names->plugin_instance, names->type,
      names->type_instance[0] == '\0' ? "" : "-", names->type_instance,
      has_many_sources ? ":" : "", has_many_sources ? event->source : "");
}

void removed_alerts_note(struct removed_list *list, const char *rule,
                         const struct alert_event *saved,
                         bool has_many_sources) {
  struct removed_alerts *item = list->first;
  while (item != NULL && !is_same_alert(item, rule, saved)) {
    item = item->next;
  }
  bool is_bad =
      saved->change.to >= ALERT_WARNING || saved->notified >= ALERT_WARNING;
  if (item == NULL && is_bad) {
    item = add_removed_alert(list, rule);
  }
  if (item != NULL) {
    item->event = *saved;
    item->event.rule = &item->rule;
    format_series(&item->event, has_many_sources);
  }
}

void removed_alerts_close(const struct removed_list *list, int64_t wall_ms,
                          void (*take)(void *context,
                                       struct alert_event *event),
                          void *context) {
  for (const struct removed_alerts *item = list->first; item != NULL;
       item = item->next) {
    struct alert_event event = item->event;
    enum alert_state from =
        event.change.to >= ALERT_WARNING ? event.change.to : event.notified;
    bool was_notified = event.notified >= ALERT_WARNING;
    event.change = (struct alert_change){
        .from = from,
        .to = ALERT_UNKNOWN,
        .cause = ALERT_CAUSE_REMOVED,
        .value = (double)NAN,
        .limit = (double)NAN,
        .should_notify = was_notified,
    };
    event.notified = ALERT_UNKNOWN;
    event.since_wall_ms = wall_ms;
    event.notified_wall_ms = wall_ms;
    if (from >= ALERT_WARNING) {
      take(context, &event);
    }
  }
}

void removed_alerts_fini(struct removed_list *list) {
  struct removed_alerts *item;
  while ((item = list->first) != NULL) {
    list->first = item->next;
    free(item);
  }
}
