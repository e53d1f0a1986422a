/* SPDX-License-Identifier: MIT */
/* client: sends requests to the daemon over its ControlSocket.
 *
 * The protocol is HTTP over a Unix socket, that of the status page. Every
 * failure becomes one sentence that says what to do, because a person reads
 * it on a terminal. */
#include "ctl/control/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "resource_alert/status/status.h"

#define RESPONSE_BYTES_MAX ((size_t)64 << 20)
#define RESPONSE_TIMEOUT_S 10L

struct client_response {
  char *text;
  size_t bytes;
};

/* libcurl's write callback. */
static size_t append_response(char *data, size_t size, size_t count,
                              void *context) {
  struct client_response *response = context;
  size_t bytes = size * count;
  if (bytes > RESPONSE_BYTES_MAX - response->bytes) {
    return 0;
  }
  char *larger = realloc(response->text, response->bytes + bytes + 1);
  if (larger == NULL) {
    return 0;
  }
  response->text = larger;
  memcpy(larger + response->bytes, data, bytes);
  response->bytes += bytes;
  return bytes;
}

/* Explains why there is no response, and what to do. */
static void explain_failure(const char *socket, CURLcode code,
                            struct error *error) {
  struct stat status;
  if (stat(socket, &status) != 0 && errno == ENOENT) {
    (void)error_set(error, -ENOENT,
                    "%s does not exist: collectd is not running, or its "
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
    (void)error_set(error, -ECONNREFUSED, "%s: no response: %s", socket,
                    curl_easy_strerror(code));
  }
}

/* Responses to commands have no version. */
static bool is_known_version(const json_t *json) {
  const json_t *version = json_object_get(json, "version");
  return version == NULL || json_integer_value(version) == STATUS_VERSION;
}

/* Returns NULL with a reason for a person: another program behind the socket,
 * another release, or what the daemon itself refused. */
static json_t *parse_daemon_response(const struct client_response *response,
                                     long status, const char *socket,
                                     struct error *error) {
  json_t *json = response->text == NULL
                     ? NULL
                     : json_loadb(response->text, response->bytes, 0, NULL);
  const char *reason = json_string_value(json_object_get(json, "error"));
  if (reason != NULL) {
    (void)error_set(error, -EINVAL, "%s", reason);
  } else if (json == NULL || status == 404) {
    (void)error_set(error, -EPROTO,
                    "%s: the response (HTTP %ld, %s) is not that of collectd "
                    "with resource_alert, or comes from another version",
                    socket, status, json == NULL ? "not JSON" : "JSON");
  } else if (!is_known_version(json)) {
    (void)error_set(
        error, -EPROTO,
        "%s: the daemon sends version %lld, this program reads %d: "
        "install the same release of both",
        socket, (long long)json_integer_value(json_object_get(json, "version")),
        STATUS_VERSION);
  } else {
    return json;
  }
  json_decref(json);
  return NULL;
}

json_t *client_send_request(const char *socket, const char *path,
                            const json_t *body, struct error *error) {
  socket = socket == NULL ? CLIENT_SOCKET : socket;
  char url[128];
  (void)snprintf(url, sizeof(url), "http://localhost%s", path);
  char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
  struct client_response response = {0};
  json_t *json = NULL;
  CURL *curl = curl_easy_init();
  if (curl == NULL) {
    (void)error_set(error, -ENOMEM, "out of memory");
  } else {
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, RESPONSE_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_response);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
    if (text != NULL) {
      (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    }
    errno = 0; /* of connect(), for the explanation */
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
      explain_failure(socket, code, error);
    } else {
      long status = 0;
      (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
      json = parse_daemon_response(&response, status, socket, error);
    }
    curl_easy_cleanup(curl);
  }
  free(response.text);
  free(text);
  return json;
}
