/* SPDX-License-Identifier: MIT */
/* http_server: HTTP on a listening socket, with a bound on everything. */
#include "resource_alert/status/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/worker_thread.h"

struct http_server {
  struct MHD_Daemon *daemon;
  struct http_handler handler;
};

/* A request while its body comes in. */
struct incoming {
  size_t bytes;
  bool is_too_large;
  char body[HTTP_BODY_BYTES_MAX + 1];
};

/* The page's own rules: nothing from elsewhere, in nobody's frame. */
static const char content_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors "
    "'none'; base-uri 'none'; form-action 'none'";

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct http_reply *reply) {
  union { /* the library never writes to what must persist */
    const void *constant;
    void *data;
  } body = {.constant = reply->constant_body};
  struct MHD_Response *response =
      reply->body != NULL
          ? MHD_create_response_from_buffer(reply->bytes, reply->body,
                                            MHD_RESPMEM_MUST_FREE)
          : MHD_create_response_from_buffer(reply->bytes, body.data,
                                            MHD_RESPMEM_PERSISTENT);
  if (response == NULL) {
    free(reply->body);
    return MHD_NO;
  }
  (void)MHD_add_response_header(response, "Content-Type", reply->type);
  (void)MHD_add_response_header(response, "Cache-Control", "no-store");
  (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  (void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
  (void)MHD_add_response_header(response, "Content-Security-Policy",
                                content_policy);
  enum MHD_Result result =
      MHD_queue_response(connection, reply->status, response);
  MHD_destroy_response(response);
  return result;
}

static void set_text(struct http_reply *reply, unsigned status,
                     const char *text) {
  *reply = (struct http_reply){.status = status,
                               .type = "text/plain; charset=utf-8",
                               .constant_body = text,
                               .bytes = strlen(text)};
}

static void take_body(struct incoming *incoming, const char *data,
                      size_t bytes) {
  if (bytes > HTTP_BODY_BYTES_MAX - incoming->bytes) {
    incoming->is_too_large = true;
    return;
  }
  memcpy(incoming->body + incoming->bytes, data, bytes);
  incoming->bytes += bytes;
}

/* Called for the headers, for each piece of the body, and at its end. */
static enum MHD_Result on_request(void *context,
                                  struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *data_bytes, void **state) {
  (void)version;
  const struct http_server *server = context;
  struct incoming *incoming = *state;
  if (incoming == NULL) {
    *state = calloc(1, sizeof(*incoming));
    return *state == NULL ? MHD_NO : MHD_YES;
  }
  if (*data_bytes > 0) {
    take_body(incoming, data, *data_bytes);
    *data_bytes = 0;
    return MHD_YES;
  }
  struct http_reply reply = {0};
  if (incoming->is_too_large) {
    set_text(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large\n");
  } else {
    const struct http_request request = {
        .method = method, .path = url, .body = incoming->body};
    server->handler.answer(server->handler.context, &request, &reply);
  }
  if (reply.status == 0) {
    set_text(&reply, MHD_HTTP_NOT_FOUND, "no such page\n");
  }
  return send_reply(connection, &reply);
}

static void on_end(void *context, struct MHD_Connection *connection,
                   void **state, enum MHD_RequestTerminationCode code) {
  (void)context;
  (void)connection;
  (void)code;
  free(*state);
  *state = NULL;
}

/* The library's own words would go to standard error. */
__attribute__((format(printf, 2, 0))) static void
say_nothing(void *context, const char *format, va_list arguments) {
  (void)context;
  (void)format;
  (void)arguments;
}

int http_server_new(int descriptor, const struct http_handler *handler,
                    struct http_server **ret_server, struct error *error) {
  struct http_server *server = calloc(1, sizeof(*server));
  if (server == NULL) {
    (void)close(descriptor);
    return error_set(error, -ENOMEM, "out of memory");
  }
  server->handler = *handler;
  sigset_t before;
  worker_thread_block_signals(&before);
  server->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL,
      NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
      MHD_OPTION_LISTEN_SOCKET, descriptor, MHD_OPTION_NOTIFY_COMPLETED, on_end,
      NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CLIENTS_MAX,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_BYTES,
      MHD_OPTION_END);
  worker_thread_restore_signals(&before);
  if (server->daemon == NULL) {
    (void)close(descriptor);
    free(server);
    return error_set(error, -EIO, "the HTTP server does not start");
  }
  *ret_server = server;
  return 0;
}

void http_server_free(struct http_server *server) {
  if (server == NULL) {
    return;
  }
  MHD_stop_daemon(server->daemon);
  free(server);
}
