/* SPDX-License-Identifier: MIT */
/* store_http: switches in any configuration centre with an HTTP interface, by
 * templates of its requests.
 *
 * What is there is read before each write. Such a centre has no transaction, so
 * of two agents that write in the same moment the later one wins. A centre that
 * only knows true and false cannot say whose switch it is: what this action has
 * not switched on itself is then another's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/json_util.h"
#include "core/trusted_path.h"
#include "resource_alert/actions/switch_store.h"

#define HEADER_LINES_MAX (HTTP_CLIENT_HEADERS_MAX - 2)

struct store_http {
  struct switch_store base;
  struct http_client *http;
};

/* What was read. */
struct held_switch {
  bool is_on;
  bool has_text; /* of an agent or a person; else only true or false */
  char *text;    /* owned */
};

/* ---- templates ---- */

enum escape { ESCAPE_NONE, ESCAPE_URL, ESCAPE_JSON };

static void write_url_escaped(FILE *file, const char *text) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789-._~";
  for (; *text != '\0'; text++) {
    (void)(strchr(plain, *text) != NULL
               ? fputc(*text, file)
               : fprintf(file, "%%%02X", (unsigned char)*text));
  }
}

/* Without the quotes around it. */
static void write_json_escaped(FILE *file, const char *text) {
  json_t *json = json_util_from_text(text);
  char *quoted = json_dumps(json, JSON_ENCODE_ANY);
  if (quoted != NULL) {
    (void)fwrite(quoted + 1, 1, strlen(quoted) - 2, file);
  }
  free(quoted);
  json_decref(json);
}

static void write_escaped(FILE *file, const char *text, enum escape escape) {
  if (escape == ESCAPE_URL) {
    write_url_escaped(file, text);
  } else if (escape == ESCAPE_JSON) {
    write_json_escaped(file, text);
  } else {
    (void)fputs(text, file);
  }
}

/* The end of the field at AT, which begins with "%{"; NULL: it is no field. */
static const char *write_field(FILE *file, const char *at,
                               const struct switch_state *state,
                               const char *value, enum escape escape) {
  static const struct {
    const char *text;
    bool is_value;
    int escape; /* negative: that of the template */
  } fields[] = {{"%{name}", false, -1},
                {"%{value}", true, -1},
                {"%{value:url}", true, ESCAPE_URL},
                {"%{value:json}", true, ESCAPE_JSON}};
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    size_t length = strlen(fields[i].text);
    if (strncmp(at, fields[i].text, length) == 0) {
      write_escaped(file, fields[i].is_value ? value : state->name,
                    fields[i].escape < 0 ? escape
                                         : (enum escape)fields[i].escape);
      return at + length;
    }
  }
  return NULL;
}

/* Yours, free(); NULL when memory is short, or a field is not known. */
static char *expand_template(const char *template,
                             const struct switch_state *state,
                             const char *value, enum escape escape) {
  char *text = NULL;
  size_t bytes = 0;
  bool is_known = true;
  FILE *file = open_memstream(&text, &bytes);
  if (file == NULL) {
    return NULL;
  }
  for (const char *at = template; is_known && *at != '\0';) {
    if (at[0] == '%' && at[1] == '{') {
      at = write_field(file, at, state, value, escape);
      is_known = at != NULL;
    } else {
      (void)fputc(*at++, file);
    }
    if (!is_known) {
      break;
    }
  }
  if (fclose(file) != 0 || !is_known) {
    free(text);
    return NULL;
  }
  return text;
}

/* ---- the options ---- */

static int check_request(const struct switch_store_options *options,
                         const char *name, const struct option_strings *words,
                         struct error *error) {
  static const char *const methods[] = {"GET",    "PUT",   "POST",
                                        "DELETE", "PATCH", NULL};
  const struct switch_state state = {.name = "name"};
  if (words->len < 2 || words->len > 3) {
    return error_set(error, -EINVAL,
                     "%s needs a method, a URL and perhaps a body, on one "
                     "line: write %s \"PUT\" "
                     "\"http://127.0.0.1:8500/v1/kv/%%{name}\" \"%%{value}\"",
                     name, name);
  }
  bool is_method = false;
  for (size_t i = 0; methods[i] != NULL; i++) {
    is_method |= strcmp(words->items[0], methods[i]) == 0;
  }
  if (!is_method) {
    return error_set(error, -EINVAL,
                     "%s: the method must be GET, PUT, POST, DELETE or PATCH",
                     name);
  }
  for (size_t i = 1; i < words->len; i++) {
    char *text = expand_template(words->items[i], &state, "x", ESCAPE_URL);
    int code =
        text == NULL ? error_set(error, -EINVAL,
                                 "%s: the fields are %%{name}, %%{value}, "
                                 "%%{value:json} and %%{value:url}",
                                 name)
        : i == 1     ? http_client_check_url(&options->http, name, text, error)
                     : 0;
    free(text);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int check_http_options(const struct switch_store_options *options,
                              struct error *error) {
  int code = check_request(options, "On", &options->on, error);
  code = code == 0 ? check_request(options, "Off", &options->off, error) : code;
  code =
      code == 0 ? check_request(options, "Read", &options->read, error) : code;
  return code == 0 && options->publish.len > 0
             ? check_request(options, "Publish", &options->publish, error)
             : code;
}

/* ---- requests ---- */

static int init_http_store(void *self, struct error *error) {
  struct store_http *store = self;
  return http_client_new(&store->base.options->http, &store->http, error);
}

static void fini_http_store(void *self) {
  struct store_http *store = self;
  http_client_free(store->http);
}

/* lines: the content of HeaderFile, cut into its lines. */
static int fill_headers(char *lines, const char *body,
                        struct http_client_request *request,
                        struct error *error) {
  size_t count = 0;
  bool has_type = false;
  char *rest = lines;
  for (char *line; (line = strsep(&rest, "\r\n")) != NULL;) {
    if (line[0] == '\0') {
      continue;
    }
    if (count == HEADER_LINES_MAX || strchr(line, ':') == NULL) {
      return error_set(error, -EINVAL,
                       "HeaderFile: may have %d lines \"Name: value\"",
                       HEADER_LINES_MAX);
    }
    has_type |= strncasecmp(line, "Content-Type:", 13) == 0;
    request->headers[count++] = line;
  }
  if (!has_type && body != NULL) {
    request->headers[count] =
        body[0] == '{' || body[0] == '['
            ? "Content-Type: application/json"
            : "Content-Type: application/x-www-form-urlencoded";
  }
  return 0;
}

/* A refused request has the server's words in the error. */
static int perform_request(struct store_http *store, const char *method,
                           const char *url, const char *body,
                           struct action_call *call,
                           struct http_client_response *response) {
  const char *path = store->base.options->header_file;
  char *lines = NULL;
  struct http_client_request request = {.method = method,
                                        .url = url,
                                        .body = body,
                                        .body_bytes =
                                            body == NULL ? 0 : strlen(body),
                                        .deadline_ms = call->deadline_ms,
                                        .cancel_fd = call->cancel_fd};
  int code = path == NULL
                 ? 0
                 : trusted_path_read_secret(path, false, &lines, call->error);
  if (code == 0) {
    code = fill_headers(lines, body, &request, call->error);
  }
  if (code == 0) {
    code = http_client_perform(store->http, &request, response, call->error);
  }
  trusted_path_forget_secret(lines);
  return code;
}

/* words: method, URL, body. value: the switch as text; "" while reading. */
static int send_template(struct store_http *store,
                         const struct option_strings *words,
                         const struct switch_state *state, const char *value,
                         struct action_call *call,
                         struct http_client_response *response) {
  char *url = expand_template(words->items[1], state, value, ESCAPE_URL);
  char *body = words->len < 3 ? NULL
                              : expand_template(words->items[2], state, value,
                                                ESCAPE_NONE);
  int code =
      url == NULL || (words->len == 3 && body == NULL)
          ? error_set(call->error, -ENOMEM, "out of memory")
          : perform_request(store, words->items[0], url, body, call, response);
  free(url);
  free(body);
  return code;
}

/* Sends On or Off, and what makes the centre publish it. */
static int change_switch(struct store_http *store,
                         const struct option_strings *words,
                         const struct switch_state *state, const char *value,
                         struct action_call *call) {
  const struct option_strings *publish = &store->base.options->publish;
  const struct option_strings *sent[] = {words,
                                         publish->len > 0 ? publish : NULL};
  int code = 0;
  for (size_t i = 0; code == 0 && i < 2 && sent[i] != NULL; i++) {
    struct http_client_response response = {0};
    code = send_template(store, sent[i], state, value, call, &response);
    if (code == 0) {
      code = http_client_expect_success(&response, call->error);
      http_client_response_fini(&response);
    }
  }
  return code;
}

/* ---- what is there ---- */

/* The member at PATH, "a.b"; NULL: there is none. Borrowed. */
static json_t *find_member(json_t *json, const char *path) {
  char name[64];
  while (json != NULL && *path != '\0') {
    size_t length = strcspn(path, ".");
    (void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
    json = json_object_get(json, name);
    path += length + (path[length] == '.');
  }
  return json;
}

static int parse_held(const struct store_http *store,
                      const struct http_client_response *response,
                      struct held_switch *held, struct error *error) {
  const char *member = store->base.options->read_member;
  if (member == NULL) {
    held->text = strdup(response->body == NULL ? "" : response->body);
    held->has_text = true;
    held->is_on = held->text != NULL && held->text[0] != '\0';
    return held->text != NULL ? 0 : error_set(error, -ENOMEM, "out of memory");
  }
  json_t *json = http_client_response_json(response, error);
  const json_t *found = find_member(json, member);
  if (json_is_string(found)) {
    held->has_text = true;
    held->text = strdup(json_string_value(found));
    held->is_on = held->text != NULL && held->text[0] != '\0';
  } else {
    held->is_on = json_is_true(found);
  }
  bool is_whole = json != NULL && (!held->has_text || held->text != NULL);
  json_decref(json);
  return is_whole ? 0 : -EPROTO;
}

static int read_switch(struct store_http *store,
                       const struct switch_state *state,
                       struct held_switch *held, struct action_call *call) {
  struct http_client_response response = {0};
  *held = (struct held_switch){0};
  int code = send_template(store, &store->base.options->read, state, "", call,
                           &response);
  if (code != 0) {
    return code;
  }
  if (response.status != 404) { /* what is not there is off */
    code = http_client_expect_success(&response, call->error);
    code = code == 0 ? parse_held(store, &response, held, call->error) : code;
  }
  http_client_response_fini(&response);
  return code;
}

/* Returns 1 if it is ours, or nobody's, 0 if not, or a negative errno. */
static int is_free_or_ours(const struct held_switch *held,
                           const struct switch_state *state,
                           struct action_call *call) {
  if (!held->is_on || (held->has_text && switch_store_is_expired(held->text))) {
    return 1;
  }
  if (held->has_text) {
    return switch_store_compare_owner(held->text, state->value, call);
  }
  return json_is_true(json_object_get(call->memory, "is_set"))
             ? 1
             : action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                       "is on, and not by this response");
}

/* ---- the driver ---- */

/* The note is saved first: a switch that was set and forgotten would stay on.
 */
static int set_on(struct store_http *store, const struct switch_state *state,
                  const struct held_switch *held, struct action_call *call) {
  const struct switch_store_options *options = store->base.options;
  call->again_in_ms = switch_store_refresh_in_ms(options->ttl_s);
  if (held->is_on && !held->has_text) {
    return 0;
  }
  (void)json_object_set_new(call->memory, "is_set", json_true());
  call->save(call->context);
  char *text = switch_store_format_value(state->value, options->ttl_s);
  int code = text == NULL
                 ? error_set(call->error, -ENOMEM, "out of memory")
                 : change_switch(store, &options->on, state, text, call);
  free(text);
  return code;
}

static int put_switch_over_http(void *self, const struct switch_state *state,
                                struct action_call *call) {
  struct store_http *store = self;
  struct held_switch held;
  int code = read_switch(store, state, &held, call);
  int is_ours = code == 0 ? is_free_or_ours(&held, state, call) : code;
  if (is_ours == 1 && state->is_on) {
    code = set_on(store, state, &held, call);
  } else if (is_ours == 1) {
    code = held.is_on ? change_switch(store, &store->base.options->off, state,
                                      "", call)
                      : 0;
    if (code == 0) {
      (void)json_object_del(call->memory, "is_set");
    }
  } else {
    code = is_ours;
    call->again_in_ms =
        state->is_on ? switch_store_refresh_in_ms(store->base.options->ttl_s)
                     : 0;
  }
  free(held.text);
  return code;
}

static int confirm_switch_over_http(void *self,
                                    const struct switch_state *state,
                                    struct action_call *call) {
  struct store_http *store = self;
  struct held_switch held;
  int code = read_switch(store, state, &held, call);
  bool is_as_wanted = held.is_on == state->is_on;
  if (code == 0 && !is_as_wanted) {
    int is_ours = is_free_or_ours(&held, state, call);
    code = is_ours < 0    ? is_ours
           : is_ours == 1 ? error_set(call->error, -ESTALE, "%s is still %s",
                                      state->name, held.is_on ? "on" : "off")
                          : 0;
  }
  free(held.text);
  return code;
}

/* Reads a switch that is never written. */
static int self_test_http_store(void *self, struct action_call *call) {
  const struct switch_state state = {.name = "self-test"};
  struct held_switch held;
  int code = read_switch(self, &state, &held, call);
  free(held.text);
  return code;
}

const struct switch_store_driver switch_store_http = {
    .name = "http",
    .check = check_http_options,
    .size = sizeof(struct store_http),
    .init = init_http_store,
    .put = put_switch_over_http,
    .confirm = confirm_switch_over_http,
    .self_test = self_test_http_store,
    .fini = fini_http_store,
};
