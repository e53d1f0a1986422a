/* SPDX-License-Identifier: MIT */
/* store_redis: switches as keys of Redis that expire after TTL. Each change is
 * published.
 *
 * A key is replaced or deleted by a script that compares it with what was read:
 * another agent may have written meanwhile. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/redis.h"

#define KEY_BYTES 512
#define COUNT(words) (sizeof(words) / sizeof((words)[0]))

static const char replace_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) "
    "else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1";
static const char delete_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "return redis.call('DEL', KEYS[1])";

struct store_redis {
  struct switch_store base;
  struct redis redis;
};

static int check_redis_options(const struct switch_store_options *options,
                               struct error *error) {
  struct redis redis;
  if (options->urls.len != 1) {
    return error_set(error, -EINVAL,
                     "URL is missing, or there are several: write URL "
                     "\"redis://127.0.0.1:6379\"");
  }
  if (options->user != NULL && options->password_file == NULL) {
    return error_set(error, -EINVAL, "User requires PasswordFile");
  }
  return redis_parse_url(&redis, options->urls.items[0],
                         options->http.allows_plain, error);
}

/* Connects at the first command. */
static int init_redis_store(void *self, struct error *error) {
  struct store_redis *store = self;
  const struct switch_store_options *options = store->base.options;
  store->redis.user = options->user;
  store->redis.password_file = options->password_file;
  int code = redis_parse_url(&store->redis, options->urls.items[0],
                             options->http.allows_plain, error);
  return code == 0 ? redis_load_library(error) : code;
}

static void fini_redis_store(void *self) {
  struct store_redis *store = self;
  redis_close(&store->redis);
}

static void format_redis_key(const struct store_redis *store, const char *name,
                             char key[KEY_BYTES]) {
  (void)snprintf(key, KEY_BYTES, "%s%s", store->base.options->prefix, name);
}

static int get_key(struct store_redis *store, const char *key, char **ret_text,
                   struct action_call *call) {
  const char *const words[] = {"GET", key};
  return redis_send_command(&store->redis, words, COUNT(words), call, ret_text);
}

/* TEXT is the switch, or "" where it went off. Nobody need be there. */
static int publish_change(struct store_redis *store, const char *name,
                          const char *text, struct action_call *call) {
  json_t *value = text[0] == '\0' ? json_null() : json_loads(text, 0, NULL);
  json_t *message =
      json_pack("{s:s, s:b, s:o}", "switch", name, "on", text[0] != '\0',
                "value", value == NULL ? json_null() : value);
  char *payload = json_util_dump(message, JSON_COMPACT);
  json_decref(message);
  if (payload == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  const char *const words[] = {"PUBLISH", store->base.options->channel,
                               payload};
  int code = redis_send_command(&store->redis, words, COUNT(words), call, NULL);
  free(payload);
  return code;
}

/* Runs one of the scripts; HELD is what was read. -ESTALE: it has changed. */
static int run_script(struct store_redis *store, const char *script,
                      const char *key, const char *held, const char *text,
                      struct action_call *call) {
  char ttl[32];
  char *done = NULL;
  (void)snprintf(ttl, sizeof(ttl), "%" PRId64, store->base.options->ttl_s);
  const char *const words[] = {"EVAL", script, "1", key, held, text, ttl};
  int code =
      redis_send_command(&store->redis, words, COUNT(words), call, &done);
  if (code == 0 && done == NULL) {
    code = error_set(call->error, -ESTALE, "%s has changed meanwhile", key);
  }
  free(done);
  return code;
}

static int put_text(struct store_redis *store, const struct switch_state *state,
                    const char *key, const char *text,
                    struct action_call *call) {
  char ttl[32];
  char *done = NULL;
  char *held = NULL;
  (void)snprintf(ttl, sizeof(ttl), "%" PRId64, store->base.options->ttl_s);
  const char *const words[] = {"SET", key, text, "NX", "EX", ttl};
  size_t count = store->base.options->ttl_s > 0 ? 6 : 4;
  int code = redis_send_command(&store->redis, words, count, call, &done);
  bool is_new = code == 0 && done != NULL;
  free(done);
  if (code != 0 || is_new) {
    return code == 0 ? publish_change(store, state->name, text, call) : code;
  }
  code = get_key(store, key, &held, call);
  if (code == 0 && held == NULL) {
    code = error_set(call->error, -ESTALE, "%s has expired meanwhile", key);
  }
  code =
      code == 0 ? switch_store_compare_owner(held, state->value, call) : code;
  if (code == 1) {
    code = run_script(store, replace_script, key, held, text, call);
  }
  free(held);
  return code;
}

static int remove_key(struct store_redis *store,
                      const struct switch_state *state, const char *key,
                      struct action_call *call) {
  char *held = NULL;
  int code = get_key(store, key, &held, call);
  if (code == 0 && held != NULL) {
    code = switch_store_compare_owner(held, state->value, call);
    if (code == 1) {
      code = run_script(store, delete_script, key, held, "", call);
      code = code == 0 ? publish_change(store, state->name, "", call) : code;
    }
  }
  free(held);
  return code;
}

static int put_switch_in_redis(void *self, const struct switch_state *state,
                               struct action_call *call) {
  struct store_redis *store = self;
  char key[KEY_BYTES];
  format_redis_key(store, state->name, key);
  if (!state->is_on) {
    return remove_key(store, state, key, call);
  }
  call->again_in_ms = switch_store_refresh_in_ms(store->base.options->ttl_s);
  char *text =
      switch_store_format_value(state->value, store->base.options->ttl_s);
  int code = text == NULL ? error_set(call->error, -ENOMEM, "out of memory")
                          : put_text(store, state, key, text, call);
  free(text);
  return code;
}

static int confirm_switch_in_redis(void *self, const struct switch_state *state,
                                   struct action_call *call) {
  struct store_redis *store = self;
  char key[KEY_BYTES];
  char *held = NULL;
  format_redis_key(store, state->name, key);
  int code = get_key(store, key, &held, call);
  int ours = code != 0 || held == NULL
                 ? 1
                 : switch_store_compare_owner(held, state->value, call);
  if (ours < 0) {
    code = ours;
  } else if (code == 0 && ours == 1 && (held != NULL) != state->is_on) {
    code = error_set(call->error, -ESTALE, "%s is %s", key,
                     state->is_on ? "not there" : "still there");
  }
  free(held);
  return code;
}

/* No key is written. A replica cannot be written to, and says so with the first
 * switch. */
static int self_test_redis_store(void *self, struct action_call *call) {
  struct store_redis *store = self;
  char key[KEY_BYTES];
  char *held = NULL;
  format_redis_key(store, "self-test", key);
  int code = get_key(store, key, &held, call);
  free(held);
  return code;
}

const struct switch_store_driver switch_store_redis = {
    .name = "redis",
    .check = check_redis_options,
    .size = sizeof(struct store_redis),
    .init = init_redis_store,
    .put = put_switch_in_redis,
    .confirm = confirm_switch_in_redis,
    .self_test = self_test_redis_store,
    .fini = fini_redis_store,
};
