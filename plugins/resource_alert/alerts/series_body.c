/* SPDX-License-Identifier: MIT */
/* series_body: a series bound to the rules that watch it, once at first sight.
 */
#include "resource_alert/alerts/series_body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- watches ---- */

/* Fills the watches (NULL: only counts them). Returns how many. */
static size_t bind_rules(const struct series_binding *binding,
                         struct watch *watches) {
  const struct series_type *type = binding->type;
  size_t len = 0;
  for (size_t i = 0; i < binding->matched_len; i++) {
    struct rule *rule = binding->matched[i];
    for (size_t source = 0; source < type->sources_len; source++) {
      if (!rules_watch_source(binding->rules, rule, &binding->subject,
                              type->sources[source].name)) {
        continue;
      }
      if (watches != NULL) {
        watches[len].rule = rule;
        watches[len].source = (uint8_t)source;
        atomic_fetch_add(&rule->counts[ALERT_UNKNOWN], 1);
      }
      len++;
    }
  }
  return len;
}

static int share_names(struct names *names, const struct reading_names *from,
                       struct series_names *to) {
  to->host = names_take(names, from->host);
  to->plugin = names_take(names, from->plugin);
  to->plugin_instance = names_take(names, from->plugin_instance);
  to->type = names_take(names, from->type);
  to->type_instance = names_take(names, from->type_instance);
  bool is_whole = to->host != NULL && to->plugin != NULL &&
                  to->plugin_instance != NULL && to->type != NULL &&
                  to->type_instance != NULL;
  return is_whole ? 0 : -ENOMEM;
}

/* ---- conditions ---- */

/* For the rules with OnlyIf that watch this series: what they look at. */
static int find_companions(struct series_store *store,
                           const struct series_binding *binding,
                           struct series_body *body) {
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct condition *condition = &body->watches[i].rule->only_if;
    if (condition->text == NULL) {
      continue;
    }
    if (body->companions == NULL) {
      body->companions = calloc(body->watches_len, sizeof(struct companion *));
    }
    if (body->companions == NULL) {
      return -ENOMEM;
    }
    struct reading_names names;
    condition_name(condition, binding->names, &names);
    body->companions[i] = companions_take(
        &store->companions, fingerprint_of_names(&names, &store->key),
        condition->source);
    if (body->companions[i] == NULL) {
      return -ENOMEM;
    }
  }
  return 0;
}

/* The data source that CONDITION looks at; -1: the type has none of it. */
static int source_of(const struct condition *condition,
                     const struct series_type *type) {
  for (size_t i = 0; i < type->sources_len; i++) {
    if (condition->source == NULL ||
        strcmp(type->sources[i].name, condition->source) == 0) {
      return (int)i;
    }
  }
  return -1;
}

/* For the rules of other series that look at this one. */
static int keep(struct series_store *store,
                const struct series_binding *binding,
                const struct condition *condition, struct series_body *body) {
  int source = source_of(condition, binding->type);
  if (source < 0) {
    return 0;
  }
  struct series_kept *larger =
      realloc(body->kept, (body->kept_len + 1U) * sizeof(*body->kept));
  if (larger == NULL) {
    return -ENOMEM;
  }
  body->kept = larger;
  struct companion *companion =
      companions_take(&store->companions, binding->id, condition->source);
  if (companion == NULL) {
    return -ENOMEM;
  }
  larger[body->kept_len++] =
      (struct series_kept){.companion = companion, .source = (size_t)source};
  return 0;
}

static int keep_for_others(struct series_store *store,
                           const struct series_binding *binding,
                           struct series_body *body) {
  int code = 0;
  for (size_t i = 0; i < binding->rules->thresholds_len && code == 0; i++) {
    const struct condition *condition = &binding->rules->items[i].only_if;
    if (condition->text != NULL && body->kept_len < UINT16_MAX &&
        condition_may_mean(condition, binding->names)) {
      code = keep(store, binding, condition, body);
    }
  }
  return code;
}

/* ---- life ---- */

static int fill(struct series_store *store,
                const struct series_binding *binding,
                struct series_body *body) {
  int code = share_names(&store->names, binding->names, &body->names);
  if (code == 0) {
    code = find_companions(store, binding, body);
  }
  if (code == 0 && !binding->is_heard && binding->rules->has_conditions) {
    code = keep_for_others(store, binding, body);
  }
  if (code == 0 && !body->type->is_all_gauges) {
    body->previous = calloc(body->type->sources_len, sizeof(*body->previous));
    code = body->previous == NULL ? -ENOMEM : 0;
  }
  return code;
}

int series_body_new(struct series_store *store,
                    const struct series_binding *binding,
                    struct series_body **ret_body) {
  size_t len = bind_rules(binding, NULL);
  if (len > UINT16_MAX) {
    return -ENOMEM;
  }
  struct series_body *body =
      calloc(1, sizeof(*body) + len * sizeof(body->watches[0]));
  if (body == NULL) {
    return -ENOMEM;
  }
  body->type = binding->type;
  body->watches_len = (uint16_t)bind_rules(binding, body->watches);
  int code = fill(store, binding, body);
  if (code != 0 || (len == 0 && body->kept_len == 0)) {
    series_body_free(store, body);
    body = NULL;
  }
  *ret_body = body;
  return code;
}

void series_body_free(struct series_store *store, struct series_body *body) {
  if (body == NULL) {
    return;
  }
  for (size_t i = 0; i < body->watches_len; i++) {
    const struct watch *watch = &body->watches[i];
    atomic_fetch_sub(&watch->rule->counts[watch->alert.state], 1);
    rule_forget_value(watch->rule, &watch->alert);
    if (body->companions != NULL) {
      companions_drop(&store->companions, body->companions[i]);
    }
  }
  for (size_t i = 0; i < body->kept_len; i++) {
    companions_drop(&store->companions, body->kept[i].companion);
  }
  names_drop(&store->names, body->names.host);
  names_drop(&store->names, body->names.plugin);
  names_drop(&store->names, body->names.plugin_instance);
  names_drop(&store->names, body->names.type);
  names_drop(&store->names, body->names.type_instance);
  free(body->companions);
  free(body->kept);
  free(body->previous);
  free(body);
}

/* ---- names ---- */

void series_format_name(const struct series_body *body, size_t source,
                        char *text, size_t bytes) {
  const struct series_names *names = &body->names;
  bool has_many = body->type->sources_len > 1;
  (void)snprintf(text, bytes, "%s/%s%s%s/%s%s%s%s%s", names->host,
                 names->plugin, names->plugin_instance[0] == '\0' ? "" : "-",
                 names->plugin_instance, names->type,
                 names->type_instance[0] == '\0' ? "" : "-",
                 names->type_instance, has_many ? ":" : "",
                 has_many ? series_source_name(body, source) : "");
}

void series_copy_names(const struct series_body *body,
                       struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  reading_put_name(ret_names->host, body->names.host);
  reading_put_name(ret_names->plugin, body->names.plugin);
  reading_put_name(ret_names->plugin_instance, body->names.plugin_instance);
  reading_put_name(ret_names->type, body->names.type);
  reading_put_name(ret_names->type_instance, body->names.type_instance);
}

const char *series_source_name(const struct series_body *body, size_t source) {
  return body->type->sources[source].name;
}
