/* SPDX-License-Identifier: MIT */
/* webhook: sends a POST when the response engages and when it is released.
 *
 * A webhook cannot be read back, so there is no confirm: a 2xx status is all
 * that is known. Receivers recognize a repetition by the Idempotency-Key. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/json_util.h"
#include "core/shared_library.h"
#include "core/text.h"
#include "core/trusted_path.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/clients/http_client.h"

#define CRYPTO_FUNCTIONS(X) X(EVP_, sha256) X(, HMAC)
SHARED_LIBRARY(crypto, CRYPTO_FUNCTIONS, LIBCRYPTO_SONAME);

enum webhook_format { FORMAT_NATIVE, FORMAT_ALERTMANAGER };

struct webhook_options {
  struct action_options common;
  char *url;
  char *url_file; /* one of both */
  char *external_url;
  int format; /* enum webhook_format */
  char *header_file;
  char *secret_file;
  struct http_client_options http;
};

/* The files are read for each request: their contents are not kept in memory,
 * and can be changed at any time. */
struct webhook {
  struct action base;
  struct http_client *client;
};

static const char *const formats[] = {"native", "alertmanager", NULL};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("5"),
    {OPTION("URL", STRING, struct webhook_options, url),
     .example = "\"https://ops.example.net/hook\"",
     .help =
         "URL to which the document is sent in a POST request. Any 2xx status "
         "is a success. Redirects are not followed. A failure is retried. "
         "Logs, "
         "journal and status show its scheme, host and port only, because the "
         "rest is a secret with many services. A webhook without a NAME is "
         "shown with a hash of the URL."},
    {OPTION("URLFile", STRING, struct webhook_options, url_file),
     .check = option_check_absolute_path,
     .help = "File with the URL, instead of B<URL>. Others must not be able to "
             "read it. It is read for each request."},
    {OPTION("Format", WORD, struct webhook_options, format), .words = formats,
     .default_text = "native",
     .help = "Format of the document. C<native>: the document that "
             "B<E<lt>ExecE<gt>> also gets. C<alertmanager>: the webhook "
             "document of Prometheus Alertmanager, version 4. Its labels, and "
             "with them the C<fingerprint>, are those of the engagement until "
             "the release."},
    {OPTION("ExternalURL", STRING, struct webhook_options, external_url),
     .example = "\"http://db1.example.net:9180/\"",
     .help = "For C<alertmanager>: C<externalURL> and C<generatorURL> of the "
             "document, for example that of the status page. By default "
             "C<http://HOST/> with this host's name."},
    {OPTION("HeaderFile", STRING, struct webhook_options, header_file),
     .check = option_check_absolute_path,
     .help = "File with additional request headers, for example a token, one "
             "C<Name: value> a line. C<Content-Type> replaces that of the "
             "document, C<application/json>. The file is read for each "
             "request."},
    {OPTION("SecretFile", STRING, struct webhook_options, secret_file),
     .check = option_check_absolute_path,
     .help = "File with a key to sign the document. The header "
             "C<X-Signature-256: sha256=HEX> then contains the HMAC-SHA256 of "
             "the body."},
    HTTP_CLIENT_OPTION_ROWS(webhook_options, http),
};

static int check_webhook_block(const void *target, struct error *error) {
  const struct webhook_options *options = target;
  if ((options->url == NULL) == (options->url_file == NULL)) {
    return error_set(error, -EINVAL,
                     "needs either URL or URLFile: write URL "
                     "\"https://ops.example.net/hook\"");
  }
  return options->url == NULL ? 0
                              : http_client_check_url(&options->http, "URL",
                                                      options->url, error);
}

/* FNV-1a, 64 bits. */
#define FNV_BASIS UINT64_C(14695981039346656037)
static uint64_t add_to_hash(uint64_t hash, const char *text) {
  for (; *text != '\0'; text++) {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  }
  return hash;
}

/* 24 bits of a hash tell two webhooks apart, and tell nobody the URL. */
static void format_webhook_subject(const void *options, char *text,
                                   size_t bytes) {
  const struct webhook_options *own = options;
  char origin[HTTP_CLIENT_ORIGIN_BYTES];
  if (own->url == NULL) {
    (void)snprintf(text, bytes, "%s", own->url_file);
    return;
  }
  http_client_format_origin(own->url, origin, sizeof(origin));
  (void)snprintf(text, bytes, "%s#%06x", origin,
                 (unsigned)(add_to_hash(FNV_BASIS, own->url) >> 40));
}

/* ---- what is sent ---- */

/* For Alertmanager and for those who read its documents an alert is its labels:
 * those of the engagement are kept until the release. Borrowed from the call's
 * memory; NULL when memory is short. */
static json_t *get_or_make_labels(const struct action_request *request,
                                  struct action_call *call) {
  json_t *kept = json_object_get(call->memory, "labels");
  if (kept != NULL) {
    return kept;
  }
  json_t *labels = json_pack(
      "{s:s, s:s, s:o, s:o, s:s}", "alertname", request->response, "response",
      request->response, "instance", json_util_from_text(request->host), "rule",
      json_util_from_text(request->cause), "severity",
      strcmp(request->state, "FAILURE") == 0 ? "critical" : "warning");
  (void)json_object_set_new(call->memory, "labels", labels);
  call->save(call->context);
  return json_object_get(call->memory, "labels");
}

/* As Alertmanager computes it: over the labels sorted by name. */
static void format_fingerprint(const json_t *labels, char text[17]) {
  static const char *const names[] = {"alertname", "instance", "response",
                                      "rule", "severity"};
  uint64_t hash = FNV_BASIS;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const char *value = json_string_value(json_object_get(labels, names[i]));
    hash = add_to_hash(add_to_hash(hash, names[i]), "\xff");
    hash = add_to_hash(add_to_hash(hash, value == NULL ? "" : value), "\xff");
  }
  (void)snprintf(text, 17, "%016" PRIx64, hash);
}

/* Version 4 of Alertmanager's webhook document. Its receivers expect a year 1
 * in endsAt while an alert fires, and all members to be there. Yours,
 * json_decref(). */
static json_t *make_alertmanager_payload(const struct webhook *webhook,
                                         const struct action_request *request,
                                         struct action_call *call) {
  const struct webhook_options *options = webhook->base.options;
  char since[ACTION_TIME_BYTES];
  char now[ACTION_TIME_BYTES];
  char fingerprint[17];
  action_format_time(request->since_s, since);
  action_format_time(request->now_s, now);
  const char *status = request->is_on ? "firing" : "resolved";
  json_t *labels = get_or_make_labels(request, call);
  format_fingerprint(labels, fingerprint);
  json_t *annotations =
      json_pack("{s:o}", "summary",
                json_sprintf("response %s: %s", request->response,
                             request->is_on ? "engaged" : "released"));
  json_t *url = options->external_url == NULL
                    ? json_sprintf("http://%s/", request->host)
                    : json_string(options->external_url);
  json_t *alert =
      json_pack("{s:s, s:O, s:O, s:s, s:s, s:O, s:s}", "status", status,
                "labels", labels, "annotations", annotations, "startsAt", since,
                "endsAt", request->is_on ? "0001-01-01T00:00:00Z" : now,
                "generatorURL", url, "fingerprint", fingerprint);
  return json_pack(
      "{s:s, s:o, s:i, s:s, s:s, s:{s:s}, s:O, s:o, s:o, s:[o]}", "version",
      "4", "groupKey", json_sprintf("response:%s", request->response),
      "truncatedAlerts", 0, "status", status, "receiver", "webhook",
      "groupLabels", "alertname", request->response, "commonLabels", labels,
      "commonAnnotations", annotations, "externalURL", url, "alerts", alert);
}

/* HMAC-SHA256, as GitHub and others sign their webhooks. */
static int sign_body(const char *path, const char *body, char *header,
                     size_t bytes, struct error *error) {
  char *secret = NULL;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  int code = trusted_path_read_secret(path, false, &secret, error);
  if (code != 0) {
    return code;
  }
  const void *done =
      crypto.HMAC(crypto.sha256(), secret, (int)strlen(secret),
                  (const unsigned char *)body, strlen(body), digest, &length);
  trusted_path_forget_secret(secret);
  if (done == NULL) {
    return error_set(error, -EIO, "cannot sign the body");
  }
  int at = snprintf(header, bytes, "X-Signature-256: sha256=");
  for (unsigned i = 0; i < length; i++) {
    at += snprintf(header + at, bytes - (size_t)at, "%02x", digest[i]);
  }
  return 0;
}

/* Cuts TEXT, the file's content, into lines and adds them to the headers of the
 * request; the first of these is its Content-Type. */
static int add_header_lines(char *text, struct http_client_request *request,
                            struct error *error) {
  static const char type[] = "Content-Type:";
  size_t len = 0;
  while (request->headers[len] != NULL) {
    len++;
  }
  char *rest = text;
  char *line;
  while ((line = strsep(&rest, "\r\n")) != NULL) {
    if (line[0] == '\0') {
      continue;
    }
    if (strchr(line, ':') == NULL || len >= HTTP_CLIENT_HEADERS_MAX - 1) {
      return error_set(error, -EINVAL,
                       "HeaderFile: a line has no colon, or the request has "
                       "more than %d headers",
                       HTTP_CLIENT_HEADERS_MAX - 1);
    }
    bool is_type = strncasecmp(line, type, sizeof(type) - 1) == 0;
    request->headers[is_type ? 0 : len++] = line;
  }
  return 0;
}

/* The same for each retry and after a restart: it has the time of engaging. */
static void format_idempotency_key(const struct action_request *request,
                                   char *header, size_t bytes) {
  (void)snprintf(header, bytes, "Idempotency-Key: %s-%s-%lld-%s", request->host,
                 request->response, (long long)request->since_s,
                 request->is_on ? "engage" : "release");
  text_blank_controls(header); /* the host's name may hold any */
}

/* ---- requests ---- */

/* A request, and the secrets that it borrows from. */
struct webhook_request {
  struct http_client_request http;
  char *url;     /* of URLFile */
  char *headers; /* of HeaderFile */
  char key[256];
  char signature[128];
};

static void forget_webhook_request(struct webhook_request *request) {
  trusted_path_forget_secret(request->url);
  trusted_path_forget_secret(request->headers);
}

static int load_url(const struct webhook_options *options,
                    struct webhook_request *request, struct error *error) {
  request->http.url = options->url;
  if (options->url_file == NULL) {
    return 0;
  }
  int code =
      trusted_path_read_secret(options->url_file, false, &request->url, error);
  request->http.url = request->url;
  return code != 0 ? code
                   : http_client_check_url(&options->http, "URLFile",
                                           request->url, error);
}

/* The signature comes behind the fixed headers, those of the file behind it.
 * KEY: a header; BODY: what is signed. Needs forget_webhook_request() even if
 * it fails. */
static int load_webhook_request(const struct webhook *webhook, const char *body,
                                struct webhook_request *request,
                                const struct action_call *call) {
  const struct webhook_options *options = webhook->base.options;
  struct http_client_request *http = &request->http;
  http->headers[0] = "Content-Type: application/json";
  http->headers[1] = request->key;
  http->deadline_ms = call->deadline_ms;
  http->cancel_fd = call->cancel_fd;
  int code = load_url(options, request, call->error);
  if (code == 0 && options->secret_file != NULL) {
    code = sign_body(options->secret_file, body, request->signature,
                     sizeof(request->signature), call->error);
    http->headers[2] = request->signature;
  }
  if (code == 0 && options->header_file != NULL) {
    code = trusted_path_read_secret(options->header_file, false,
                                    &request->headers, call->error);
    code = code == 0 ? add_header_lines(request->headers, http, call->error)
                     : code;
  }
  return code;
}

/* The host is no secret, and neither are the headers that are ours. */
static void hide_secrets(const struct webhook_request *request,
                         struct error *error) {
  const char *host = strstr(request->http.url, "://") + strlen("://");
  error_hide(error, host + strcspn(host, "/?#"));
  for (size_t i = 0; request->http.headers[i] != NULL; i++) {
    if (i != 1) { /* the key */
      error_hide(error, request->http.headers[i]);
    }
  }
}

/* A 429 or 503 may name the pause that the server wants. */
static int send_webhook(struct webhook *webhook,
                        const struct webhook_request *request,
                        struct action_call *call) {
  char origin[HTTP_CLIENT_ORIGIN_BYTES];
  struct http_client_response response;
  http_client_format_origin(request->http.url, origin, sizeof(origin));
  call->note(call->context, "request",
             json_pack("{s:o}", "url", json_util_from_text(origin)));
  int code = http_client_perform(webhook->client, &request->http, &response,
                                 call->error);
  if (code != 0) {
    return code;
  }
  call->note(call->context, "response",
             json_pack("{s:i}", "status", (int)response.status));
  code = http_client_expect_success(&response, call->error);
  hide_secrets(request, call->error);
  call->pause_ms = response.retry_after_ms;
  http_client_response_fini(&response);
  return code;
}

/* ---- the driver ---- */

/* The client connects at the first request and keeps its connection. */
static int init_webhook(void *self, struct error *error) {
  struct webhook *webhook = self;
  const struct webhook_options *options = webhook->base.options;
  int code = options->secret_file == NULL
                 ? 0
                 : shared_library_load(&crypto_library, NULL, error);
  return code != 0 ? code
                   : http_client_new(&options->http, &webhook->client, error);
}

/* No request is running any more: the action has one thread. */
static void fini_webhook(void *self) {
  struct webhook *webhook = self;
  http_client_free(webhook->client);
}

/* The body is made once for each attempt; "time" in it differs from one retry
 * to the next, the Idempotency-Key does not. */
static int set_webhook(void *self, const struct action_request *request,
                       struct action_call *call) {
  struct webhook *webhook = self;
  const struct webhook_options *options = webhook->base.options;
  json_t *document = options->format == FORMAT_ALERTMANAGER
                         ? make_alertmanager_payload(webhook, request, call)
                         : action_payload_new(request);
  char *body = document == NULL ? NULL : json_util_dump(document, JSON_COMPACT);
  json_decref(document);
  if (body == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  struct webhook_request post = {
      .http = {.method = "POST", .body = body, .body_bytes = strlen(body)}};
  format_idempotency_key(request, post.key, sizeof(post.key));
  int code = load_webhook_request(webhook, body, &post, call);
  if (code == 0) {
    code = send_webhook(webhook, &post, call);
  }
  if (code == 0 && !request->is_on) {
    (void)json_object_del(call->memory, "labels");
  }
  forget_webhook_request(&post);
  free(body);
  return code;
}

/* *ret_status: that of an empty request, of which only the status counts. */
static int probe_webhook(struct webhook *webhook, const char *method,
                         struct webhook_request *request, long *ret_status,
                         const struct action_call *call) {
  struct http_client_response response;
  request->http.method = method;
  int code = http_client_perform(webhook->client, &request->http, &response,
                                 call->error);
  if (code == 0) {
    *ret_status = response.status;
    http_client_response_fini(&response);
  }
  return code;
}

static bool is_refusal(long status) {
  return status == 401 || status == 403 || status == 404 || status == 410;
}

/* Reads the files, and asks with OPTIONS, and where that is refused with HEAD:
 * many servers know only one of them. What both are refused, a POST will be,
 * too. It cannot know whether the document would be accepted. */
static int self_test_webhook(void *self, struct action_call *call) {
  struct webhook *webhook = self;
  struct webhook_request probe = {.key = "Accept: */*"};
  long options_status = 0;
  long head_status = 0;
  int code = load_webhook_request(webhook, "", &probe, call);
  if (code == 0) {
    code = probe_webhook(webhook, "OPTIONS", &probe, &options_status, call);
  }
  if (code == 0 && is_refusal(options_status)) {
    code = probe_webhook(webhook, "HEAD", &probe, &head_status, call);
  }
  if (code == 0 && is_refusal(head_status)) {
    code =
        error_set(call->error,
                  head_status == 401 || head_status == 403 ? -EACCES : -ENOENT,
                  "status %ld for OPTIONS, %ld for HEAD: look at the URL "
                  "and the token",
                  options_status, head_status);
  }
  forget_webhook_request(&probe);
  return code;
}

const struct action_driver action_webhook_driver = {
    .block =
        {
            .name = "Webhook",
            .label = OPTION_LABEL_OPTIONAL,
            .is_repeatable = true,
            .size = sizeof(struct webhook_options),
            .help = "Sends a JSON document to a URL, once when the response "
                    "engages and once when it is released. The header "
                    "C<Idempotency-Key> is the same for each retry.",
            OPTION_ROWS(option_rows),
            .check_label = option_check_name,
            .check = check_webhook_block,
        },
    .size = sizeof(struct webhook),
    .format_subject = format_webhook_subject,
    .init = init_webhook,
    .fini = fini_webhook,
    .set = set_webhook,
    .self_test = self_test_webhook,
};
