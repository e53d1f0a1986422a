/* SPDX-License-Identifier: MIT */
/* webhook: sends a POST when the response engages and when it is released.
 *
 * A webhook cannot be read back, so there is no confirm: a 2xx status is all
 * that is known. Receivers recognize a repetition by the Idempotency-Key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/json_util.h"
#include "core/shared_library.h"
#include "core/text.h"
#include "core/trusted_path.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/clients/http_client.h"

#define CRYPTO_FUNCTIONS(X) X(EVP_, sha256) X(, HMAC)
SHARED_LIBRARY(crypto, CRYPTO_FUNCTIONS, LIBCRYPTO_SONAME)

enum webhook_format { FORMAT_NATIVE, FORMAT_ALERTMANAGER };

struct webhook_options {
  struct action_options common;
  char *url;
  int format; /* enum webhook_format */
  char *header_file;
  char *secret_file;
  struct http_client_options http;
};

/* The two files are read for each request: their contents are not kept in
 * memory. */
struct webhook {
  struct action base;
  struct http_client *client;
};

static const char *const formats[] = {"native", "alertmanager", NULL};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("5"),
    {OPTION("URL", STRING, struct webhook_options, url), .is_required = true,
     .example = "\"https://ops.example.net/hook\"",
     .help =
         "URL to which the document is sent in a POST request. Any 2xx status "
         "is a success. Redirects are not followed. A failure is retried."},
    {OPTION("Format", WORD, struct webhook_options, format), .words = formats,
     .default_text = "native",
     .help = "Format of the document. C<native>: the document that "
             "B<E<lt>ExecE<gt>> also gets. C<alertmanager>: the webhook "
             "document of Prometheus Alertmanager, version 4."},
    {OPTION("HeaderFile", STRING, struct webhook_options, header_file),
     .check = option_check_absolute_path,
     .help = "File with additional request headers, for example a token, one "
             "C<Name: value> a line. It is read for each request."},
    {OPTION("SecretFile", STRING, struct webhook_options, secret_file),
     .check = option_check_absolute_path,
     .help = "File with a key to sign the document. The header "
             "C<X-Signature-256: sha256=HEX> then contains the HMAC-SHA256 of "
             "the body."},
    HTTP_CLIENT_OPTION_ROWS(webhook_options, http),
};

/* A missing URL is reported by the table, with an example. */
static int check_webhook_block(const void *target, struct error *error) {
  const struct webhook_options *options = target;
  return options->url == NULL ? 0
                              : http_client_check_url(&options->http, "URL",
                                                      options->url, error);
}

/* What follows a question mark may be secret. */
static void format_webhook_subject(const void *options, char *text,
                                   size_t bytes) {
  const struct webhook_options *own = options;
  (void)snprintf(text, bytes, "%.*s", (int)strcspn(own->url, "?#"), own->url);
}

/* ---- what is sent ---- */

/* Version 4 of Alertmanager's webhook document. Its receivers expect a year 1
 * in endsAt while an alert fires, and all members to be there. Yours,
 * json_decref(). */
static json_t *make_alertmanager_payload(const struct action_request *request) {
  char since[ACTION_TIME_BYTES];
  char now[ACTION_TIME_BYTES];
  action_format_time(request->since_s, since);
  action_format_time(request->now_s, now);
  const char *status = request->is_on ? "firing" : "resolved";
  json_t *labels = json_pack(
      "{s:s, s:s, s:o, s:o, s:s}", "alertname", request->response, "response",
      request->response, "instance", json_util_from_text(request->host), "rule",
      json_util_from_text(request->cause), "severity",
      strcmp(request->state, "FAILURE") == 0 ? "critical" : "warning");
  json_t *annotations =
      json_pack("{s:o}", "summary",
                json_sprintf("response %s: %s", request->response,
                             request->is_on ? "engaged" : "released"));
  json_t *alert =
      json_pack("{s:s, s:O, s:O, s:s, s:s, s:s, s:s}", "status", status,
                "labels", labels, "annotations", annotations, "startsAt", since,
                "endsAt", request->is_on ? "0001-01-01T00:00:00Z" : now,
                "generatorURL", "", "fingerprint", "");
  return json_pack(
      "{s:s, s:o, s:i, s:s, s:s, s:{s:s}, s:o, s:o, s:s, s:[o]}", "version",
      "4", "groupKey", json_sprintf("response:%s", request->response),
      "truncatedAlerts", 0, "status", status, "receiver", "webhook",
      "groupLabels", "alertname", request->response, "commonLabels", labels,
      "commonAnnotations", annotations, "externalURL", "", "alerts", alert);
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

/* Cuts TEXT, the file's content, into lines and appends them to the headers
 * of the request. */
static int add_header_lines(char *text, struct http_client_request *request,
                            struct error *error) {
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
    request->headers[len++] = line;
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

/* A 429 or 503 may name the pause that the server wants. */
static int send_webhook(struct webhook *webhook,
                        const struct http_client_request *request,
                        struct action_call *call) {
  struct http_client_response response;
  call->note(
      call->context, "request",
      json_pack("{s:o}", "url", /* what follows may be secret */
                json_stringn(request->url, strcspn(request->url, "?#"))));
  int code =
      http_client_perform(webhook->client, request, &response, call->error);
  if (code != 0) {
    return code;
  }
  call->note(call->context, "response",
             json_pack("{s:i}", "status", (int)response.status));
  code = http_client_expect_success(&response, call->error);
  call->pause_ms = response.retry_after_ms;
  http_client_response_fini(&response);
  return code;
}

/* Files are read for each request, so that secrets can be changed at any time.
 */
static int post_webhook(struct webhook *webhook,
                        const struct action_request *request, const char *body,
                        struct action_call *call) {
  const struct webhook_options *options = webhook->base.options;
  char key[256];
  char signature[128];
  char *headers = NULL;
  int code = 0;
  format_idempotency_key(request, key, sizeof(key));
  struct http_client_request http = {
      .method = "POST",
      .url = options->url,
      .headers = {"Content-Type: application/json", key},
      .body = body,
      .body_bytes = strlen(body),
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  /* The signature comes behind the fixed headers, those of the file behind it:
   * a file cannot take the place of ours. */
  if (options->secret_file != NULL) {
    code = sign_body(options->secret_file, body, signature, sizeof(signature),
                     call->error);
    http.headers[2] = signature;
  }
  if (code == 0 && options->header_file != NULL) {
    code = trusted_path_read_secret(options->header_file, false, &headers,
                                    call->error);
    code = code == 0 ? add_header_lines(headers, &http, call->error) : code;
  }
  if (code == 0) {
    code = send_webhook(webhook, &http, call);
  }
  trusted_path_forget_secret(headers);
  return code;
}

/* The body is made once for each attempt; "time" in it differs from one retry
 * to the next, the Idempotency-Key does not. */
static int set_webhook(void *self, const struct action_request *request,
                       struct action_call *call) {
  struct webhook *webhook = self;
  const struct webhook_options *options = webhook->base.options;
  json_t *document = options->format == FORMAT_ALERTMANAGER
                         ? make_alertmanager_payload(request)
                         : action_payload_new(request);
  char *body = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
  json_decref(document);
  if (body == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  int code = post_webhook(webhook, request, body, call);
  free(body);
  return code;
}

/* Checks with OPTIONS that there is an HTTP server with the right certificate;
 * its status does not matter. */
static int self_test_webhook(void *self, struct action_call *call) {
  struct webhook *webhook = self;
  const struct webhook_options *options = webhook->base.options;
  const struct http_client_request request = {
      .method = "OPTIONS",
      .url = options->url,
      .deadline_ms = call->deadline_ms,
      .cancel_fd = call->cancel_fd,
  };
  struct http_client_response response;
  int code =
      http_client_perform(webhook->client, &request, &response, call->error);
  if (code == 0) {
    http_client_response_fini(&response);
  }
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
