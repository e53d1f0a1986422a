/* SPDX-License-Identifier: MIT */
/* http_client: HTTP requests with a deadline, and the options of what is
 * reached by them.
 *
 * libcurl's multi interface with one transfer: unlike the easy interface it can
 * be waited for together with the descriptor that cancels. Host names are
 * resolved by libcurl's own thread, which cannot be cancelled. */
#include "resource_alert/clients/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/clock.h"
#include "core/shared_library.h"
#include "core/text.h"

#define RETRY_AFTER_MAX_S 3600

#if LIBCURL_VERSION_NUM >= 0x075400
#define HEADER_FUNCTIONS(X) X(curl_, easy_header)
#else
#define HEADER_FUNCTIONS(X)
#endif
#define CURL_FUNCTIONS(X)                                                      \
  HEADER_FUNCTIONS(X)                                                          \
  X(curl_, easy_cleanup)                                                       \
  X(curl_, easy_getinfo)                                                       \
  X(curl_, easy_init)                                                          \
  X(curl_, easy_reset)                                                         \
  X(curl_, easy_setopt)                                                        \
  X(curl_, easy_strerror)                                                      \
  X(curl_, free)                                                               \
  X(curl_, getdate)                                                            \
  X(curl_, global_init)                                                        \
  X(curl_, multi_add_handle)                                                   \
  X(curl_, multi_cleanup)                                                      \
  X(curl_, multi_info_read)                                                    \
  X(curl_, multi_init)                                                         \
  X(curl_, multi_perform)                                                      \
  X(curl_, multi_poll)                                                         \
  X(curl_, multi_remove_handle)                                                \
  X(curl_, slist_append)                                                       \
  X(curl_, slist_free_all)                                                     \
  X(curl_, url)                                                                \
  X(curl_, url_cleanup)                                                        \
  X(curl_, url_get)                                                            \
  X(curl_, url_set)
SHARED_LIBRARY(curl, CURL_FUNCTIONS, LIBCURL_SONAME);

/* One easy handle, so that connections and TLS sessions are used again. */
struct http_client {
  const struct http_client_options *options; /* borrowed */
  CURLM *multi;
  CURL *easy;
  char reason[CURL_ERROR_SIZE];
  struct http_client_response *response; /* of the running request */
  int body_code; /* why its body was refused; 0: it was not */
};

static int init_libcurl(void) {
  return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

/* ---- URLs ---- */

/* libcurl gives each part as a copy, which must be freed. */
static bool has_url_part(CURLU *url, CURLUPart part) {
  char *text = NULL;
  bool is_there = curl.url_get(url, part, &text, 0) == CURLUE_OK;
  curl.free(text);
  return is_there;
}

/* A password in a URL would be in the configuration and in logs. */
static int check_url_parts(CURLU *url, bool allows_plain, struct error *error) {
  char *scheme = NULL;
  char *host = NULL;
  int code = 0;
  if (curl.url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
      curl.url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
      (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
    code = error_set(error, -EINVAL, "is not an http or https URL");
  } else if (has_url_part(url, CURLUPART_USER) ||
             has_url_part(url, CURLUPART_PASSWORD)) {
    code = error_set(error, -EINVAL,
                     "contains a user or password; store them in a file");
  } else if (strcmp(scheme, "http") == 0 && !allows_plain &&
             !text_is_loopback(host)) {
    code = error_set(error, -EINVAL,
                     "is unencrypted and not on this machine: use https, or "
                     "write AllowPlainHTTP true");
  }
  curl.free(scheme);
  curl.free(host);
  return code;
}

int http_client_check_url(const struct http_client_options *options,
                          const char *name, const char *url,
                          struct error *error) {
  struct error reason = {{0}};
  char origin[HTTP_CLIENT_ORIGIN_BYTES];
  int code = shared_library_load(&curl_library, init_libcurl, error);
  if (code != 0) {
    return code;
  }
  http_client_format_origin(url, origin, sizeof(origin));
  CURLU *parts = curl.url();
  code = curl.url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
             ? check_url_parts(parts, options->allows_plain, &reason)
             : error_set(&reason, -EINVAL, "is not a URL");
  curl.url_cleanup(parts);
  return code == 0 ? 0
                   : error_set(error, -EINVAL, "%s \"%s\" %s", name, origin,
                               reason.text);
}

void http_client_format_origin(const char *url, char *text, size_t bytes) {
  size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  const char *host = url + scheme;
  if (strncmp(host, "://", 3) != 0) {
    (void)snprintf(text, bytes, "...");
    return;
  }
  host += 3;
  const char *end = host + strcspn(host, "/?#\\");
  const char *user_end = memrchr(host, '@', (size_t)(end - host));
  host = user_end == NULL ? host : user_end + 1;
  (void)snprintf(text, bytes, "%.*s://%.*s", (int)scheme, url,
                 (int)(end - host), host);
}

int http_client_join_url(const char *base, const char *path,
                         char url[HTTP_CLIENT_URL_BYTES], struct error *error) {
  size_t length = strlen(base);
  while (length > 0 && base[length - 1] == '/') {
    length--;
  }
  return snprintf(url, HTTP_CLIENT_URL_BYTES, "%.*s%s", (int)length, base,
                  path) < HTTP_CLIENT_URL_BYTES
             ? 0
             : error_set(error, -EINVAL, "the URL is too long");
}

/* ---- clients ---- */

int http_client_new(const struct http_client_options *options,
                    struct http_client **ret, struct error *error) {
  int code = shared_library_load(&curl_library, init_libcurl, error);
  if (code != 0) {
    return code;
  }
  struct http_client *client = calloc(1, sizeof(*client));
  if (client != NULL) {
    client->options = options;
    client->multi = curl.multi_init();
    client->easy = curl.easy_init();
  }
  if (client == NULL || client->multi == NULL || client->easy == NULL) {
    http_client_free(client);
    return error_set(error, -ENOMEM, "out of memory");
  }
  *ret = client;
  return 0;
}

void http_client_free(struct http_client *client) {
  if (client != NULL) {
    curl.easy_cleanup(client->easy);
    (void)curl.multi_cleanup(client->multi);
    free(client);
  }
}

/* ---- one request ---- */

/* Called by libcurl for each piece. Any return value but BYTES ends the
 * transfer; body_code then has the reason. */
static size_t append_response_body(char *data, size_t one, size_t bytes,
                                   void *context) {
  struct http_client *client = context;
  struct http_client_response *response = client->response;
  (void)one;
  if (bytes > HTTP_CLIENT_RESPONSE_BYTES_MAX - response->body_bytes) {
    client->body_code = -EMSGSIZE;
    return 0; /* ends the transfer */
  }
  char *larger = realloc(response->body, response->body_bytes + bytes + 1);
  if (larger == NULL) {
    client->body_code = -ENOMEM;
    return 0;
  }
  memcpy(larger + response->body_bytes, data, bytes);
  response->body = larger;
  response->body_bytes += bytes;
  larger[response->body_bytes] = '\0';
  return bytes;
}

/* "" as the proxy: NULL would make libcurl read http_proxy from the
 * environment. CAPATH goes with CAFile, or the system's certificates would be
 * accepted as well. */
static void set_target_options(CURL *easy,
                               const struct http_client_options *target) {
  (void)curl.easy_setopt(easy, CURLOPT_PROXY,
                         target->proxy == NULL ? "" : target->proxy);
  if (target->ca_file != NULL) {
    (void)curl.easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    (void)curl.easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
  (void)curl.easy_setopt(easy, CURLOPT_SSLCERT, target->cert_file);
  (void)curl.easy_setopt(easy, CURLOPT_SSLKEY, target->key_file);
}

/* libcurl keeps pointers to the body and to the headers: both must live until
 * the transfer has ended. */
static void set_request_options(CURL *easy,
                                const struct http_client_request *request,
                                struct curl_slist *headers) {
  (void)curl.easy_setopt(easy, CURLOPT_URL, request->url);
  (void)curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (request->body != NULL) {
    (void)curl.easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    (void)curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                           (curl_off_t)request->body_bytes);
  }
  (void)curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  (void)curl.easy_setopt(easy, CURLOPT_NOBODY,
                         (long)(strcmp(request->method, "HEAD") == 0));
  if (!request->may_repeat && strcmp(request->method, "GET") != 0) {
    /* On an old connection that turns out to be dead libcurl sends again by
     * itself, and what was done would be done twice. */
    (void)curl.easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  }
  (void)curl.easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  if (request->bearer != NULL) {
    (void)curl.easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    (void)curl.easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->bearer);
  }
}

/* All options are set for each request: nothing of the last one remains. */
static void set_all_options(struct http_client *client,
                            const struct http_client_request *request,
                            struct curl_slist *headers) {
  CURL *easy = client->easy;
  curl.easy_reset(easy);
  client->reason[0] = '\0';
  (void)curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, client->reason);
  (void)curl.easy_setopt(easy, CURLOPT_USERAGENT, "collectd-resource-alert");
  (void)curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, append_response_body);
  (void)curl.easy_setopt(easy, CURLOPT_WRITEDATA, client);
  (void)curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  (void)curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)clock_left_ms(request->deadline_ms) + 1);
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  set_target_options(easy, client->options);
  set_request_options(easy, request, headers);
}

/* "Expect:" keeps libcurl from waiting a second for a 100 Continue. NULL when
 * memory is short; curl.slist_free_all(). */
static struct curl_slist *
make_header_list(const struct http_client_request *request) {
  struct curl_slist *list = curl.slist_append(NULL, "Expect:");
  for (size_t i = 0; i < HTTP_CLIENT_HEADERS_MAX &&
                     request->headers[i] != NULL && list != NULL;
       i++) {
    struct curl_slist *longer = curl.slist_append(list, request->headers[i]);
    if (longer == NULL) {
      curl.slist_free_all(list);
    }
    list = longer;
  }
  return list;
}

/* libcurl's own text is more specific than that of the code. */
static int translate_result(const struct http_client *client, CURLcode result,
                            struct error *error) {
  const char *reason =
      client->reason[0] == '\0' ? curl.easy_strerror(result) : client->reason;
  if (client->body_code == -EMSGSIZE) {
    return error_set(error, -EMSGSIZE, "the response is longer than %d bytes",
                     HTTP_CLIENT_RESPONSE_BYTES_MAX);
  }
  if (client->body_code != 0) {
    return error_set(error, client->body_code, "out of memory");
  }
  switch ((int)result) {
  case CURLE_OK:
    return 0;
  case CURLE_OPERATION_TIMEDOUT:
    return error_set(error, -ETIMEDOUT, "no response in time");
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
    return error_set(error, -ECONNRESET, "%s", reason);
  case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
  case CURLE_WEIRD_SERVER_REPLY:
    return error_set(error, -EPROTO, "%s", reason);
  default: /* name, connection, TLS */
    return error_set(error, -ECONNREFUSED, "%s", reason);
  }
}

/* Until the transfer has ended. */
static int run_transfer(struct http_client *client,
                        const struct http_client_request *request,
                        struct error *error) {
  struct curl_waitfd cancel = {.fd = request->cancel_fd,
                               .events = CURL_WAIT_POLLIN};
  unsigned extra = request->cancel_fd >= 0 ? 1 : 0;
  for (;;) {
    int running = 0;
    int waiting = 0;
    if (curl.multi_perform(client->multi, &running) != CURLM_OK) {
      return error_set(error, -EIO, "libcurl cannot continue the transfer");
    }
    const CURLMsg *message = curl.multi_info_read(client->multi, &waiting);
    if (message != NULL && message->msg == CURLMSG_DONE) {
      return translate_result(client, message->data.result, error);
    }
    int left_ms = clock_left_ms(request->deadline_ms);
    if (left_ms == 0) {
      return error_set(error, -ETIMEDOUT, "no response in time");
    }
    (void)curl.multi_poll(client->multi, &cancel, extra, left_ms, NULL);
    if (extra == 1 && cancel.revents != 0) {
      return error_set(error, -ECANCELED, "collectd stops");
    }
  }
}

/* 0 with a libcurl before 7.84, which cannot look up a header. */
static int64_t parse_server_date(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075400
  struct curl_header *date = NULL;
  if (curl.easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
    time_t date_s = curl.getdate(date->value, NULL);
    return date_s > 0 ? (int64_t)date_s : 0;
  }
#endif
  return 0;
}

/* A Retry-After of more than an hour is cut: a server must not switch an action
 * off for good. */
static void fill_response_info(CURL *easy,
                               struct http_client_response *response) {
  curl_off_t retry_after_s = 0;
  (void)curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response->status);
  (void)curl.easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  if (retry_after_s > RETRY_AFTER_MAX_S) {
    retry_after_s = RETRY_AFTER_MAX_S;
  }
  response->retry_after_ms =
      retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
  response->date_s = parse_server_date(easy);
}

int http_client_perform(struct http_client *client,
                        const struct http_client_request *request,
                        struct http_client_response *response,
                        struct error *error) {
  struct curl_slist *headers = make_header_list(request);
  *response = (struct http_client_response){0};
  if (headers == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  client->response = response;
  client->body_code = 0;
  set_all_options(client, request, headers);
  int code = curl.multi_add_handle(client->multi, client->easy) == CURLM_OK
                 ? run_transfer(client, request, error)
                 : error_set(error, -ENOMEM, "out of memory");
  if (code == 0) {
    fill_response_info(client->easy, response);
  }
  (void)curl.multi_remove_handle(client->multi, client->easy);
  (void)curl.easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
  curl.slist_free_all(headers);
  if (code != 0) {
    http_client_response_fini(response);
  }
  return code;
}

/* ---- responses ---- */

void http_client_response_fini(struct http_client_response *response) {
  free(response->body);
  *response = (struct http_client_response){0};
}

/* A redirect is not followed: the URL is to be mended. */
static int translate_status(long status) {
  switch (status) {
  case 401:
  case 403:
    return -EACCES;
  case 404:
  case 410:
    return -ENOENT;
  case 408:
    return -ETIMEDOUT;
  case 429:
  case 503:
    return -EBUSY;
  default:
    return status >= 300 && status < 500 ? -EINVAL : -EIO;
  }
}

int http_client_expect_success(const struct http_client_response *response,
                               struct error *error) {
  if (response->status >= 200 && response->status < 300) {
    return 0;
  }
  return error_set(error, translate_status(response->status),
                   "status %ld%s%.200s", response->status,
                   response->body_bytes == 0 ? "" : ": ",
                   response->body == NULL ? "" : response->body);
}

json_t *http_client_response_json(const struct http_client_response *response,
                                  struct error *error) {
  json_t *json =
      response->body == NULL
          ? NULL
          : json_loadb(response->body, response->body_bytes, 0, NULL);
  if (json == NULL) {
    (void)error_set(error, -EPROTO, "the response is not JSON: %.100s",
                    response->body == NULL ? "(empty)" : response->body);
  }
  return json;
}
