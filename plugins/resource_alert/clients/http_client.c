/* SPDX-License-Identifier: MIT */
/* http_client: HTTP requests with a deadline, and the options of what is
 * reached by them. */
#include "resource_alert/clients/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/clock.h"

#define RETRY_AFTER_MAX_S 3600

struct http_client {
  const struct http_client_target *target; /* borrowed */
  CURLM *multi;
  CURL *easy;
  char reason[CURL_ERROR_SIZE];
  struct http_client_response *answer; /* of the request that runs */
  int intake_code; /* why its body was not taken; 0: it was */
};

int http_client_init(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

void http_client_fini(void) { curl_global_cleanup(); }

/* ---- URLs ---- */

/* Not by how a name begins: 127.example.net may be anywhere. */
static bool is_this_machine(const char *host) {
  struct in_addr address;
  bool is_loopback = inet_pton(AF_INET, host, &address) == 1 &&
                     ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
  return is_loopback || strcasecmp(host, "localhost") == 0 ||
         strcmp(host, "[::1]") == 0;
}

static bool has_part(CURLU *url, CURLUPart part) {
  char *text = NULL;
  bool is_there = curl_url_get(url, part, &text, 0) == CURLUE_OK;
  curl_free(text);
  return is_there;
}

static int judge_url(CURLU *url, bool allows_plain, struct error *error) {
  char *scheme = NULL;
  char *host = NULL;
  int code = 0;
  if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
      curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
      (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
    code = error_set(error, -EINVAL, "is not an http or https URL");
  } else if (has_part(url, CURLUPART_USER) ||
             has_part(url, CURLUPART_PASSWORD)) {
    code = error_set(error, -EINVAL,
                     "holds a user or password, which belong into a file");
  } else if (strcmp(scheme, "http") == 0 && !allows_plain &&
             !is_this_machine(host)) {
    code = error_set(error, -EINVAL,
                     "would go over the network unencrypted: use https, or "
                     "write AllowPlainHTTP true");
  }
  curl_free(scheme);
  curl_free(host);
  return code;
}

int http_client_check_url(const char *url, bool allows_plain,
                          struct error *error) {
  CURLU *parts = curl_url();
  if (parts == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK
                 ? judge_url(parts, allows_plain, error)
                 : error_set(error, -EINVAL, "is not a URL");
  curl_url_cleanup(parts);
  return code;
}

/* ---- clients ---- */

int http_client_new(const struct http_client_target *target,
                    struct http_client **ret, struct error *error) {
  struct http_client *client = calloc(1, sizeof(*client));
  if (client != NULL) {
    client->target = target;
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
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
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi);
    free(client);
  }
}

/* ---- one request ---- */

static size_t take_body(char *data, size_t one, size_t bytes, void *context) {
  struct http_client *client = context;
  struct http_client_response *answer = client->answer;
  (void)one;
  if (bytes > HTTP_CLIENT_RESPONSE_BYTES_MAX - answer->body_bytes) {
    client->intake_code = -EMSGSIZE;
    return 0; /* ends the transfer */
  }
  char *larger = realloc(answer->body, answer->body_bytes + bytes + 1);
  if (larger == NULL) {
    client->intake_code = -ENOMEM;
    return 0;
  }
  memcpy(larger + answer->body_bytes, data, bytes);
  answer->body = larger;
  answer->body_bytes += bytes;
  larger[answer->body_bytes] = '\0';
  return bytes;
}

static void set_target(CURL *easy, const struct http_client_target *target) {
  (void)curl_easy_setopt(easy, CURLOPT_PROXY,
                         target->proxy == NULL ? "" : target->proxy);
  if (target->ca_file != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
  (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, target->cert_file);
  (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, target->key_file);
}

static void set_request(CURL *easy, const struct http_client_request *question,
                        struct curl_slist *headers) {
  (void)curl_easy_setopt(easy, CURLOPT_URL, question->url);
  (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (question->body != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, question->body);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                           (curl_off_t)question->body_bytes);
  }
  (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, question->method);
  if (!question->may_repeat && strcmp(question->method, "GET") != 0) {
    /* On an old connection that turns out to be dead libcurl sends again by
     * itself, and what was done would be done twice. */
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  }
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  if (question->bearer != NULL) {
    (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    (void)curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, question->bearer);
  }
}

static void set_up(struct http_client *client,
                   const struct http_client_request *question,
                   struct curl_slist *headers) {
  CURL *easy = client->easy;
  curl_easy_reset(easy);
  client->reason[0] = '\0';
  (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->reason);
  (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "collectd-resource-alert");
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
  (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)clock_left_ms(question->deadline_ms) + 1);
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  set_target(easy, client->target);
  set_request(easy, question, headers);
}

static int add_header(struct curl_slist **list, const char *header) {
  struct curl_slist *longer = curl_slist_append(*list, header);
  if (longer == NULL) {
    return -ENOMEM;
  }
  *list = longer;
  return 0;
}

/* "Expect:" keeps libcurl from waiting a second for a 100 Continue. */
static int make_headers(const struct http_client_request *question,
                        struct curl_slist **ret) {
  struct curl_slist *list = NULL;
  int code = add_header(&list, "Expect:");
  for (size_t i = 0;
       i < HTTP_CLIENT_HEADERS_MAX && question->headers[i] != NULL && code == 0;
       i++) {
    code = add_header(&list, question->headers[i]);
  }
  if (code != 0) {
    curl_slist_free_all(list);
    return code;
  }
  *ret = list;
  return 0;
}

static int translate(const struct http_client *client, CURLcode result,
                     struct error *error) {
  const char *reason =
      client->reason[0] == '\0' ? curl_easy_strerror(result) : client->reason;
  if (client->intake_code == -EMSGSIZE) {
    return error_set(error, -EMSGSIZE, "the answer is longer than %d bytes",
                     HTTP_CLIENT_RESPONSE_BYTES_MAX);
  }
  if (client->intake_code != 0) {
    return error_set(error, client->intake_code, "out of memory");
  }
  switch ((int)result) {
  case CURLE_OK:
    return 0;
  case CURLE_OPERATION_TIMEDOUT:
    return error_set(error, -ETIMEDOUT, "no answer in time");
  case CURLE_COULDNT_CONNECT:
    return error_set(error, -ECONNREFUSED, "%s", reason);
  default:
    return error_set(error, -EIO, "%s", reason);
  }
}

/* Drives the transfer to its end. */
static int drive(struct http_client *client,
                 const struct http_client_request *question,
                 struct error *error) {
  struct curl_waitfd cancel = {.fd = question->cancel_fd,
                               .events = CURL_WAIT_POLLIN};
  unsigned extra = question->cancel_fd >= 0 ? 1 : 0;
  for (;;) {
    int running = 0;
    int waiting = 0;
    if (curl_multi_perform(client->multi, &running) != CURLM_OK) {
      return error_set(error, -EIO, "libcurl fails");
    }
    const CURLMsg *message = curl_multi_info_read(client->multi, &waiting);
    if (message != NULL && message->msg == CURLMSG_DONE) {
      return translate(client, message->data.result, error);
    }
    int left_ms = clock_left_ms(question->deadline_ms);
    if (left_ms == 0) {
      return error_set(error, -ETIMEDOUT, "no answer in time");
    }
    (void)curl_multi_poll(client->multi, &cancel, extra, left_ms, NULL);
    if (extra == 1 && cancel.revents != 0) {
      return error_set(error, -ECANCELED, "collectd stops");
    }
  }
}

static int64_t date_of(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075400
  struct curl_header *date = NULL;
  if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
    time_t date_s = curl_getdate(date->value, NULL);
    return date_s > 0 ? (int64_t)date_s : 0;
  }
#endif
  return 0;
}

static void read_status(CURL *easy, struct http_client_response *answer) {
  curl_off_t retry_after_s = 0;
  (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
  (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  if (retry_after_s > RETRY_AFTER_MAX_S) {
    retry_after_s = RETRY_AFTER_MAX_S;
  }
  answer->retry_after_ms =
      retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : 0;
  answer->date_s = date_of(easy);
}

int http_client_perform(struct http_client *client,
                        const struct http_client_request *question,
                        struct http_client_response *answer,
                        struct error *error) {
  struct curl_slist *headers = NULL;
  *answer = (struct http_client_response){0};
  if (make_headers(question, &headers) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  client->answer = answer;
  client->intake_code = 0;
  set_up(client, question, headers);
  int code = curl_multi_add_handle(client->multi, client->easy) == CURLM_OK
                 ? drive(client, question, error)
                 : error_set(error, -ENOMEM, "out of memory");
  if (code == 0) {
    read_status(client->easy, answer);
  }
  (void)curl_multi_remove_handle(client->multi, client->easy);
  (void)curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
  curl_slist_free_all(headers);
  if (code != 0) {
    http_client_response_fini(answer);
  }
  return code;
}

/* ---- answers ---- */

void http_client_response_fini(struct http_client_response *answer) {
  free(answer->body);
  *answer = (struct http_client_response){0};
}

int http_client_expect_success(const struct http_client_response *answer,
                               struct error *error) {
  if (answer->status >= 200 && answer->status < 300) {
    return 0;
  }
  return error_set(error, -EIO, "status %ld%s%.200s", answer->status,
                   answer->body_bytes == 0 ? "" : ": ",
                   answer->body == NULL ? "" : answer->body);
}

json_t *http_client_response_json(const struct http_client_response *answer,
                                  struct error *error) {
  json_t *json = answer->body == NULL
                     ? NULL
                     : json_loadb(answer->body, answer->body_bytes, 0, NULL);
  if (json == NULL) {
    (void)error_set(error, -EPROTO, "the answer is no JSON: %.100s",
                    answer->body == NULL ? "(empty)" : answer->body);
  }
  return json;
}

struct http_client_target
http_client_options_target(const struct http_client_options *options) {
  return (struct http_client_target){
      .ca_file = options->ca_file,
      .cert_file = options->cert_file,
      .key_file = options->key_file,
      .proxy = options->proxy,
  };
}

int http_client_options_check_url(const struct http_client_options *options,
                                  const char *name, const char *url,
                                  struct error *error) {
  struct error reason = {{0}};
  if (http_client_check_url(url, options->allows_plain, &reason) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL, "%s \"%s\" %s", name, url, reason.text);
}
