/* SPDX-License-Identifier: MIT */
/* client: asks the daemon over its ControlSocket. */
#include "ctl/control/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "resource_alert/status/status.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define ANSWER_S 10L

struct answer {
  char *text;
  size_t bytes;
};

static size_t take(char *data, size_t size, size_t count, void *context) {
  struct answer *answer = context;
  size_t bytes = size * count;
  if (bytes > ANSWER_BYTES_MAX - answer->bytes) {
    return 0;
  }
  char *larger = realloc(answer->text, answer->bytes + bytes + 1);
  if (larger == NULL) {
    return 0;
  }
  answer->text = larger;
  memcpy(larger + answer->bytes, data, bytes);
  answer->bytes += bytes;
  return bytes;
}

/* Why nobody answers, in a sentence that says what to do. */
static void explain(const char *socket, CURLcode code, struct error *error) {
  struct stat status;
  if (stat(socket, &status) != 0 && errno == ENOENT) {
    (void)error_set(error, -ENOENT,
                    "%s is not there: collectd does not run, or its "
                    "configuration has no ControlSocket \"%s\"",
                    socket, socket);
  } else if (errno == EACCES) {
    (void)error_set(error, -EACCES,
                    "%s: permission denied: run as the daemon's user or as a "
                    "member of its ControlGroup",
                    socket);
  } else if (!S_ISSOCK(status.st_mode)) {
    (void)error_set(error, -ENOTSOCK, "%s is not a socket", socket);
  } else {
    (void)error_set(error, -ECONNREFUSED, "%s: nobody answers: %s", socket,
                    curl_easy_strerror(code));
  }
}

/* Returns the HTTP status; 0 with a text. */
static long transfer(CURL *curl, const char *socket, struct error *error) {
  long status = 0;
  errno = 0;
  CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    explain(socket, code, error);
    return 0;
  }
  (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

/* Answers to orders have no version. */
static bool is_of_this_version(const json_t *json) {
  const json_t *version = json_object_get(json, "version");
  return version == NULL || json_integer_value(version) == STATUS_VERSION;
}

static json_t *read_answer(const struct answer *answer, long status,
                           const char *socket, struct error *error) {
  json_t *json = answer->text == NULL
                     ? NULL
                     : json_loadb(answer->text, answer->bytes, 0, NULL);
  const char *reason = json_string_value(json_object_get(json, "error"));
  if (reason != NULL) {
    (void)error_set(error, -EINVAL, "%s", reason);
  } else if (json == NULL || status == 404) {
    (void)error_set(error, -EPROTO,
                    "%s: what answers there (HTTP %ld, %s) is no daemon with "
                    "resource_alert, or one of another version",
                    socket, status, json == NULL ? "no JSON" : "JSON");
  } else if (!is_of_this_version(json)) {
    (void)error_set(
        error, -EPROTO,
        "%s: the daemon answers in version %lld, this program "
        "reads %d: install one release of both",
        socket, (long long)json_integer_value(json_object_get(json, "version")),
        STATUS_VERSION);
  } else {
    return json;
  }
  json_decref(json);
  return NULL;
}

json_t *client_ask(const char *socket, const char *path, const json_t *body,
                   struct error *error) {
  socket = socket == NULL ? CLIENT_SOCKET : socket;
  char url[128];
  (void)snprintf(url, sizeof(url), "http://localhost%s", path);
  char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
  struct answer answer = {0};
  json_t *json = NULL;
  CURL *curl = curl_easy_init();
  if (curl == NULL) {
    (void)error_set(error, -ENOMEM, "out of memory");
  } else {
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (text != NULL) {
      (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    }
    long status = transfer(curl, socket, error);
    if (status != 0) {
      json = read_answer(&answer, status, socket, error);
    }
    curl_easy_cleanup(curl);
  }
  free(answer.text);
  free(text);
  return json;
}
