/* SPDX-License-Identifier: MIT */
/* response_state_file: keeps over a restart what each response has engaged.
 *
 * All responses share the file. A save appends one line and waits for no disk;
 * a sync waits until the disk has it, before a change that must be undone after
 * a crash. */
#include "resource_alert/responses/response_state_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/append_log.h"
#include "core/clock.h"
#include "core/json_util.h"

#define FORMAT_VERSION 1
#define SYNC_WAIT_MS 300 /* an action is to follow within a second */

struct response_state_file {
  struct log_sink sink;
  struct append_log *log;
  pthread_mutex_t lock; /* guards entries; nobody waits for the disk in it */
  json_t *entries;      /* the last line of each response, by its name */
};

/* ---- the file ---- */

/* The last line of a response counts; the file may hold older ones until it is
 * rewritten. */
static int load_entry(void *context, const json_t *line) {
  struct response_state_file *file = context;
  const char *name = json_string_value(json_object_get(line, "response"));
  if (name == NULL) {
    return -EINVAL;
  }
  json_t *copy = json_deep_copy(line);
  return json_object_set_new(file->entries, name, copy) == 0 ? 0 : -ENOMEM;
}

int response_state_file_open(const char *path, const struct log_sink *log,
                             struct response_state_file **ret,
                             struct error *error) {
  struct response_state_file *file = calloc(1, sizeof(*file));
  json_t *entries = json_object();
  if (file == NULL || entries == NULL) {
    free(file);
    json_decref(entries);
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)pthread_mutex_init(&file->lock, NULL);
  file->sink = *log;
  file->entries = entries;
  const struct append_log_options options = {
      .path = path,
      .what = "response states",
      .consequence = "responses continue, but a restart may not know which "
                     "actions are engaged",
      .format = "responses",
      .version = FORMAT_VERSION,
      .log = *log,
  };
  int code = append_log_open(&options, load_entry, file, &file->log, error);
  if (code != 0) {
    response_state_file_close(file);
    return code;
  }
  *ret = file;
  return 0;
}

void response_state_file_close(struct response_state_file *file) {
  if (file == NULL) {
    return;
  }
  append_log_close(file->log);
  json_decref(file->entries);
  (void)pthread_mutex_destroy(&file->lock);
  free(file);
}

/* Under the lock. */
static void rewrite_if_due(struct response_state_file *file) {
  const char *name;
  json_t *entry;
  if (!append_log_wants_rewrite(file->log) ||
      !append_log_rewrite_begin(file->log)) {
    return;
  }
  json_object_foreach(file->entries, name, entry) {
    append_log_rewrite_add(file->log, entry);
  }
  append_log_rewrite_end(file->log);
}

void response_state_file_rewrite_if_due(struct response_state_file *file) {
  (void)pthread_mutex_lock(&file->lock);
  rewrite_if_due(file);
  (void)pthread_mutex_unlock(&file->lock);
}

bool response_state_file_is_saving(const struct response_state_file *file) {
  return append_log_is_saving(file->log);
}

void response_state_file_sync(struct response_state_file *file) {
  (void)append_log_sync(file->log, SYNC_WAIT_MS);
}

/* ---- saving ---- */

/* Saved, so that a rule that is missing after a restart freezes its response,
 * as it would have without the restart. */
static json_t *breached_rules_to_json(const struct response *response) {
  json_t *rules = json_array();
  for (size_t i = 0; i < response->rules_len; i++) {
    if (response->rules[i].is_breached) {
      (void)json_array_append_new(rules,
                                  json_util_from_text(response->rules[i].name));
    }
  }
  return rules;
}

/* What an action remembers, in the last line of its response. Yours,
 * json_decref(); an empty object where nothing was saved. Under the lock. */
static json_t *get_saved_memory(const struct response_state_file *file,
                                const char *name, const char *key) {
  const json_t *entry = json_object_get(file->entries, name);
  const json_t *action =
      json_object_get(json_object_get(entry, "actions"), key);
  json_t *memory = json_object_get(action, "memory");
  return memory == NULL ? json_object() : json_incref(memory);
}

/* The real state: what a dry run pretends is not saved. Keyed by name, so that
 * the order in the configuration may change. Under the lock. */
static json_t *actions_to_json(const struct response_state_file *file,
                               const char *name,
                               const struct response *response,
                               const struct action_runner *runners) {
  json_t *actions = json_object();
  for (size_t i = 0; i < response->actions_len; i++) {
    enum response_action_state state = response->actions[i].real_state;
    json_t *on = state == RESPONSE_ACTION_UNSURE
                     ? json_null()
                     : json_boolean(state == RESPONSE_ACTION_ON);
    (void)json_object_set_new(
        actions, runners[i].key,
        json_pack("{s:o, s:o}", "on", on, "memory",
                  get_saved_memory(file, name, runners[i].key)));
  }
  return actions;
}

/* ENTRY: taken; NULL where memory was short. Under the lock. */
static void append_entry(struct response_state_file *file, const char *name,
                         json_t *entry) {
  if (entry != NULL) {
    (void)json_object_set(file->entries, name, entry);
  }
  append_log_append(file->log, entry);
  rewrite_if_due(file);
  json_decref(entry);
}

void response_state_file_save(struct response_state_file *file,
                              const char *name, const struct response *response,
                              const struct action_runner *runners,
                              const struct response_saved *saved) {
  (void)pthread_mutex_lock(&file->lock);
  json_t *entry =
      json_pack("{s:s, s:s, s:I, s:o, s:o, s:b, s:s?, s:o}", "response", name,
                "state", response_state_name(response->state), "since",
                (json_int_t)saved->engaged_s, "rules",
                breached_rules_to_json(response), "acted",
                rate_limiter_to_json(&response->rate_limit,
                                     clock_monotonic_ms(), (int64_t)time(NULL)),
                "tripped", (int)response->rate_limit.is_tripped, "mode",
                saved->mode < 0 ? NULL : action_mode_words[saved->mode],
                "actions", actions_to_json(file, name, response, runners));
  append_entry(file, name, entry);
  (void)pthread_mutex_unlock(&file->lock);
}

void response_state_file_save_memory(struct response_state_file *file,
                                     const char *name, const char *key,
                                     const json_t *memory) {
  (void)pthread_mutex_lock(&file->lock);
  json_t *saved = get_saved_memory(file, name, key);
  if (!json_equal(saved, memory)) {
    json_t *entry = json_deep_copy(json_object_get(file->entries, name));
    json_t *action = json_object_get(json_object_get(entry, "actions"), key);
    (void)json_object_set_new(action, "memory", json_deep_copy(memory));
    append_entry(file, name, entry);
  }
  json_decref(saved);
  (void)pthread_mutex_unlock(&file->lock);
}

/* ---- restoring ---- */

/* The reverse of actions_to_json(). What is absent was never on. */
static enum response_action_state action_state_from_json(const json_t *on) {
  if (json_is_true(on)) {
    return RESPONSE_ACTION_ON;
  }
  return json_is_null(on) ? RESPONSE_ACTION_UNSURE : RESPONSE_ACTION_OFF;
}

/* -1 for null and for a word that is unknown: then the configured mode
 * applies. */
static int mode_from_json(const json_t *mode) {
  for (int i = 0; json_is_string(mode) && action_mode_words[i] != NULL; i++) {
    if (strcmp(action_mode_words[i], json_string_value(mode)) == 0) {
      return i;
    }
  }
  return -1;
}

/* A rule that When does not name any more is left out. The last one becomes the
 * cause until a rule is in breach again. */
static void restore_rules(struct response *response, const json_t *rules) {
  size_t index;
  const json_t *name;
  json_array_foreach(rules, index, name) {
    for (size_t i = 0; i < response->rules_len; i++) {
      struct response_rule *rule = &response->rules[i];
      if (json_is_string(name) &&
          strcmp(json_string_value(name), rule->name) == 0) {
        rule->is_breached = true;
        response->cause = rule;
      }
    }
  }
}

/* Takes the actions that are configured out of ACTIONS. */
static void restore_actions(struct response *response,
                            struct action_runner *runners, json_t *actions) {
  for (size_t i = 0; i < response->actions_len; i++) {
    const json_t *saved = json_object_get(actions, runners[i].key);
    if (!json_is_object(saved)) {
      continue;
    }
    response->actions[i].real_state =
        action_state_from_json(json_object_get(saved, "on"));
    json_t *memory = json_object_get(saved, "memory");
    if (json_is_object(memory)) {
      (void)json_object_update(runners[i].memory, memory);
      response->actions[i].has_memory = json_object_size(memory) > 0;
    }
    (void)json_object_del(actions, runners[i].key);
  }
}

/* ACTIONS: what restore_actions() has left in it. Nothing knows how to undo
 * these. */
static void log_removed_actions(const struct response_state_file *file,
                                const char *name, json_t *actions) {
  const char *action;
  const json_t *saved;
  json_object_foreach(actions, action, saved) {
    if (action_state_from_json(json_object_get(saved, "on")) !=
        RESPONSE_ACTION_OFF) {
      log_write(&file->sink, LOG_LEVEL_WARNING,
                "response \"%s\": %s was engaged but is no longer configured; "
                "its target is not changed",
                name, action);
    }
  }
}

bool response_state_file_apply(struct response_state_file *file,
                               const char *name, struct response *response,
                               struct action_runner *runners,
                               struct response_saved *ret_saved) {
  (void)pthread_mutex_lock(&file->lock);
  json_t *entry = json_deep_copy(json_object_get(file->entries, name));
  (void)pthread_mutex_unlock(&file->lock);
  if (entry == NULL) {
    return false;
  }
  const char *state = json_string_value(json_object_get(entry, "state"));
  *ret_saved = (struct response_saved){
      .state = RESPONSE_OFF,
      .engaged_s = json_integer_value(json_object_get(entry, "since")),
      .mode = mode_from_json(json_object_get(entry, "mode")),
  };
  (void)response_state_parse(state == NULL ? "" : state, &ret_saved->state);
  response->rate_limit.is_tripped =
      json_is_true(json_object_get(entry, "tripped"));
  rate_limiter_restore(&response->rate_limit, json_object_get(entry, "acted"),
                       clock_monotonic_ms(), (int64_t)time(NULL));
  restore_rules(response, json_object_get(entry, "rules"));
  json_t *actions = json_object_get(entry, "actions");
  restore_actions(response, runners, actions);
  log_removed_actions(file, name, actions);
  json_decref(entry);
  return true;
}
