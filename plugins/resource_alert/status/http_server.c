/* SPDX-License-Identifier: MIT */
/* http_server: answers HTTP on a TCP or unix socket, with a bound on every
 * resource.
 *
 * GNU libmicrohttpd with one thread of ours and epoll. 256 clients of 32 KB are
 * 8 MB at most; whose connections are closed early, http_connections decides.
 * The handler runs on that thread, so a slow one holds up all clients of the
 * socket, but nothing else. */
#include "resource_alert/status/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/glob.h"
#include "core/json_util.h"
#include "core/shared_library.h"
#include "core/worker_thread.h"
#include "resource_alert/status/http_connections.h"

#define STOP_MS 2000
#define TURN_MS 1000
#define USER_BYTES 64
#define PASSWD_BYTES_MAX 4194304
#define PASSWD_LINE_BYTES 4096
#define HOST_BYTES 256 /* a name of the DNS is shorter */

#define MHD_FUNCTIONS(X)                                                       \
  X(MHD_, add_response_header)                                                 \
  X(MHD_, create_response_from_buffer)                                         \
  X(MHD_, destroy_response)                                                    \
  X(MHD_, get_connection_info)                                                 \
  X(MHD_, get_daemon_info)                                                     \
  X(MHD_, get_timeout)                                                         \
  X(MHD_, lookup_connection_value)                                             \
  X(MHD_, queue_response)                                                      \
  X(MHD_, run)                                                                 \
  X(MHD_, start_daemon)                                                        \
  X(MHD_, stop_daemon)
SHARED_LIBRARY(mhd, MHD_FUNCTIONS, LIBMICROHTTPD_SONAME);

struct http_server {
  struct MHD_Daemon *daemon;
  struct worker_thread *thread; /* its only item is the next turn */
  int wake_fd;
  struct http_connections clients; /* of the thread */
  bool checks_host;
  struct http_server_names names;
  struct http_server_handler handler;
  pthread_mutex_t handling; /* guards is_stopping; held while it handles */
  bool is_stopping;
};

/* ---- the Host of a request ---- */

static void copy_lower(char to[HOST_BYTES], const char *from) {
  size_t i = 0;
  for (; i + 1 < HOST_BYTES && from[i] != '\0'; i++) {
    to[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
  }
  to[i] = '\0';
}

/* Cuts the port off, and the dot of a complete name. Returns false for what is
 * no host, or no address where it is in brackets. */
static bool normalize_host(char *host) {
  char *end = host[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
  struct in6_addr v6;
  if (host[0] == '[') {
    if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
      return false;
    }
    *end = '\0';
    return inet_pton(AF_INET6, host + 1, &v6) == 1;
  }
  if (end != NULL) {
    *end = '\0';
  }
  size_t length = strlen(host);
  if (length > 1 && host[length - 1] == '.') {
    host[length - 1] = '\0';
  }
  return host[0] != '\0';
}

/* NAME, or its first label; both are ours. */
static bool is_own_name(const char *host, const char *name) {
  char own[HOST_BYTES];
  copy_lower(own, name);
  if (strcmp(host, own) == 0) {
    return true;
  }
  own[strcspn(own, ".")] = '\0';
  return own[0] != '\0' && strcmp(host, own) == 0;
}

static bool is_named(const struct http_server_names *names, const char *host) {
  for (size_t i = 0; i < 2; i++) {
    if (names->own[i] != NULL && is_own_name(host, names->own[i])) {
      return true;
    }
  }
  for (size_t i = 0; names->patterns != NULL && i < names->patterns->len; i++) {
    char pattern[HOST_BYTES];
    copy_lower(pattern, names->patterns->items[i]);
    if (glob_matches(pattern, host)) {
      return true;
    }
  }
  return false;
}

bool http_server_accepts_host(const struct http_server_names *names,
                              const char *host) {
  char lower[HOST_BYTES];
  struct in_addr v4;
  if (host == NULL) {
    return true;
  }
  copy_lower(lower, host);
  if (strlen(host) >= sizeof(lower) || !normalize_host(lower)) {
    return false;
  }
  return lower[0] == '[' || inet_pton(AF_INET, lower, &v4) == 1 ||
         strcmp(lower, "localhost") == 0 || is_named(names, lower);
}

/* ---- requests ---- */

/* A request while its body comes in. */
struct request_body {
  size_t bytes;
  bool is_too_large;
  char body[HTTP_SERVER_BODY_BYTES_MAX + 1];
};

/* The page loads nothing from elsewhere and cannot be framed. */
static const char content_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors "
    "'none'; base-uri 'none'; form-action 'none'";

void http_server_set_json(struct http_server_reply *reply, unsigned status,
                          json_t *json) {
  char *text = json_util_dump(json, JSON_COMPACT);
  json_decref(json);
  reply->type = "application/json";
  reply->status = text == NULL ? 500 : status;
  reply->body = text;
  reply->constant_body = text == NULL ? "{}" : NULL;
  reply->bytes = text == NULL ? 2 : strlen(text);
}

/* Takes reply->body in any case. The headers matter only for the page, and do
 * no harm to JSON. */
static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct http_server_reply *reply) {
  union { /* the library never writes to what must persist */
    const void *constant;
    void *data;
  } body = {.constant = reply->constant_body};
  struct MHD_Response *response =
      reply->body != NULL
          ? mhd.create_response_from_buffer(reply->bytes, reply->body,
                                            MHD_RESPMEM_MUST_FREE)
          : mhd.create_response_from_buffer(reply->bytes, body.data,
                                            MHD_RESPMEM_PERSISTENT);
  if (response == NULL) {
    free(reply->body);
    return MHD_NO;
  }
  (void)mhd.add_response_header(response, "Content-Type", reply->type);
  (void)mhd.add_response_header(response, "Cache-Control", "no-store");
  (void)mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
  (void)mhd.add_response_header(response, "Referrer-Policy", "no-referrer");
  (void)mhd.add_response_header(response, "Content-Security-Policy",
                                content_policy);
  if (reply->etag[0] != '\0') {
    (void)mhd.add_response_header(response, "ETag", reply->etag);
  }
  if (reply->retry_after_s > 0) {
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
    (void)mhd.add_response_header(response, "Retry-After", seconds);
  }
  enum MHD_Result result =
      mhd.queue_response(connection, reply->status, response);
  mhd.destroy_response(response);
  return result;
}

/* text: a literal, which outlives the response. */
static void set_text_reply(struct http_server_reply *reply, unsigned status,
                           const char *text) {
  *reply = (struct http_server_reply){.status = status,
                                      .type = "text/plain; charset=utf-8",
                                      .constant_body = text,
                                      .bytes = strlen(text)};
}

static void append_request_body(struct request_body *body, const char *data,
                                size_t bytes) {
  if (bytes > HTTP_SERVER_BODY_BYTES_MAX - body->bytes) {
    body->is_too_large = true;
    return;
  }
  memcpy(body->body + body->bytes, data, bytes);
  body->bytes += bytes;
}

/* NULL: there was no place for it, and it is shut down. */
static struct http_connection *get_client(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == NULL ? NULL : info->socket_context;
}

/* Only of the file: a directory service may be what the machine cannot reach.
 * "" where the user is not there. */
static void load_user_name(uid_t uid, char name[USER_BYTES]) {
  char buffer[PASSWD_LINE_BYTES];
  struct passwd entry;
  struct passwd *found = NULL;
  char *text = NULL;
  size_t bytes = 0;
  name[0] = '\0';
  if (file_read("/etc/passwd", PASSWD_BYTES_MAX, &text, &bytes, NULL) != 0) {
    return;
  }
  FILE *file = bytes == 0 ? NULL : fmemopen(text, bytes, "r");
  while (file != NULL &&
         fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
    if (entry.pw_uid == uid) {
      (void)snprintf(name, USER_BYTES, "%s", entry.pw_name);
      break;
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  free(text);
}

/* The handler is not called once the server is being stopped. The lock is not
 * held where a disk may hang. */
static void handle_request(struct http_server *server,
                           struct MHD_Connection *connection,
                           struct http_server_request *request,
                           struct http_server_reply *reply) {
  struct http_connection *client = get_client(connection);
  const char *host = mhd.lookup_connection_value(connection, MHD_HEADER_KIND,
                                                 MHD_HTTP_HEADER_HOST);
  if (server->checks_host && !http_server_accepts_host(&server->names, host)) {
    set_text_reply(reply, MHD_HTTP_MISDIRECTED_REQUEST,
                   "this server does not have the name in the Host header: "
                   "use its address, or add the name to StatusHost\n");
    return;
  }
  char user[USER_BYTES] = "";
  if (client != NULL) {
    client->deadline_ms = clock_monotonic_ms() + HTTP_CONNECTIONS_REPLY_MS;
    request->pid = client->owner.pid;
    request->uid = client->owner.uid;
  }
  if (request->pid != 0 && strcmp(request->method, "POST") == 0) {
    load_user_name(request->uid, user);
  }
  request->user = user;
  (void)pthread_mutex_lock(&server->handling);
  if (server->is_stopping) {
    set_text_reply(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
  } else {
    server->handler.handle(server->handler.context, request, reply);
  }
  (void)pthread_mutex_unlock(&server->handling);
}

static bool is_local_client(struct MHD_Connection *connection) {
  const struct sockaddr *address =
      mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
          ->client_addr;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  switch (address->sa_family) {
  case AF_UNIX:
    return true;
  case AF_INET:
    memcpy(&v4, address, sizeof(v4));
    return (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  case AF_INET6:
    memcpy(&v6, address, sizeof(v6));
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) &&
            v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
  default:
    return false;
  }
}

static const char *get_header(struct MHD_Connection *connection,
                              const char *name) {
  return mhd.lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Called for the headers, for each piece of the body, and at its end. */
static enum MHD_Result on_library_call(void *context,
                                       struct MHD_Connection *connection,
                                       const char *url, const char *method,
                                       const char *version, const char *data,
                                       size_t *data_bytes, void **state) {
  (void)version;
  struct http_server *server = context;
  struct request_body *body = *state;
  if (body == NULL) {
    *state = calloc(1, sizeof(*body));
    return *state == NULL ? MHD_NO : MHD_YES;
  }
  if (*data_bytes > 0) {
    append_request_body(body, data, *data_bytes);
    *data_bytes = 0;
    return MHD_YES;
  }
  struct http_server_reply reply = {0};
  if (body->is_too_large) {
    set_text_reply(&reply, MHD_HTTP_CONTENT_TOO_LARGE,
                   "the body is too large\n");
  } else {
    struct http_server_request request = {
        .method = method,
        .path = url,
        .body = body->body,
        .languages = get_header(connection, "Accept-Language"),
        .agent = get_header(connection, "User-Agent"),
        .authorization = get_header(connection, "Authorization"),
        .if_none_match = get_header(connection, "If-None-Match"),
        .rules = mhd.lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND,
                                             "rules"),
        .is_local = is_local_client(connection)};
    handle_request(server, connection, &request, &reply);
  }
  if (reply.status == 0) {
    set_text_reply(&reply, MHD_HTTP_NOT_FOUND, "no such page\n");
  }
  return send_reply(connection, &reply);
}

/* Called also when the client has closed the connection in the middle of its
 * body. The next request may begin. */
static void on_request_end(void *context, struct MHD_Connection *connection,
                           void **state, enum MHD_RequestTerminationCode code) {
  (void)context;
  (void)code;
  struct http_connection *client = get_client(connection);
  if (client != NULL) {
    client->deadline_ms = clock_monotonic_ms() + HTTP_CONNECTIONS_REQUEST_MS;
  }
  free(*state);
  *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection,
                          void **client,
                          enum MHD_ConnectionNotificationCode code) {
  struct http_server *server = context;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (*client != NULL) {
      http_connections_remove(*client);
    }
    return;
  }
  int fd =
      mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
          ->connect_fd;
  struct sockaddr *address =
      mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
          ->client_addr;
  *client =
      http_connections_add(&server->clients, fd, address, clock_monotonic_ms());
  if (*client == NULL) {
    (void)shutdown(fd, SHUT_RDWR);
  }
}

/* The library would write to standard error. */
__attribute__((format(printf, 2, 0))) static void
discard_library_log(void *context, const char *format, va_list arguments) {
  (void)context;
  (void)format;
  (void)arguments;
}

/* ---- the thread ---- */

/* One turn: waits for clients, reads, handles and sends, and asks for the next
 * turn. item: none, it only stands for the turn. */
static void take_turn(void *context, void *item) {
  struct http_server *server = context;
  struct pollfd ready[] = {
      {.fd = mhd.get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                 ->epoll_fd,
       .events = POLLIN},
      {.fd = server->wake_fd, .events = POLLIN}};
  unsigned long long library_ms = 0;
  bool is_pending = mhd.get_timeout(server->daemon, &library_ms) == MHD_YES &&
                    library_ms < TURN_MS;
  (void)poll(ready, 2, is_pending ? (int)library_ms : TURN_MS);
  (void)mhd.run(server->daemon);
  http_connections_shut_late(&server->clients, clock_monotonic_ms());
  (void)worker_thread_put(server->thread, item);
}

/* Also of a thread that was left behind, on that thread. */
static void free_server(void *context) {
  struct http_server *server = context;
  if (server->daemon != NULL) {
    mhd.stop_daemon(server->daemon);
  }
  if (server->wake_fd >= 0) {
    (void)close(server->wake_fd);
  }
  (void)pthread_mutex_destroy(&server->handling);
  free(server);
}

/* descriptor: taken. */
static int start_daemon(struct http_server *server, int descriptor,
                        struct error *error) {
  int code = shared_library_load(&mhd_library, NULL, error);
  if (code == 0) {
    server->daemon = mhd.start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_library_call, server,
        MHD_OPTION_EXTERNAL_LOGGER, discard_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, descriptor, MHD_OPTION_NOTIFY_COMPLETED,
        on_request_end, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_SERVER_MEMORY_BYTES,
        MHD_OPTION_END);
    code = server->daemon != NULL
               ? 0
               : error_set(error, -EIO, "the HTTP server cannot start");
  }
  if (code != 0) {
    (void)close(descriptor);
  }
  return code;
}

static int start_thread(struct http_server *server, struct error *error) {
  const struct worker_thread_options options = {.work = take_turn,
                                                .free_context = free_server,
                                                .context = server,
                                                .items_max = 1};
  server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (server->wake_fd < 0) {
    return error_set(error, -errno, "eventfd: %s", strerror(errno));
  }
  int code = worker_thread_new(&options, &server->thread, error);
  if (code == 0) {
    (void)worker_thread_put(server->thread, NULL);
  }
  return code;
}

static struct http_server *
make_server(const struct http_server_names *names,
            const struct http_server_handler *handler) {
  struct http_server *server = calloc(1, sizeof(*server));
  if (server == NULL) {
    return NULL;
  }
  server->handler = *handler;
  server->wake_fd = -1;
  http_connections_init(&server->clients);
  (void)pthread_mutex_init(&server->handling, NULL);
  if (names != NULL) {
    server->checks_host = true;
    server->names = *names;
  }
  return server;
}

int http_server_start(int descriptor, const struct http_server_names *names,
                      const struct http_server_handler *handler,
                      struct http_server **ret_server, struct error *error) {
  struct http_server *server = make_server(names, handler);
  if (server == NULL) {
    (void)close(descriptor);
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = start_daemon(server, descriptor, error);
  if (code == 0) {
    code = start_thread(server, error);
  }
  if (code != 0) {
    free_server(server);
    return code;
  }
  *ret_server = server;
  return 0;
}

void http_server_stop(struct http_server *server) {
  if (server == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&server->handling);
  server->is_stopping = true;
  (void)pthread_mutex_unlock(&server->handling);
  (void)eventfd_write(server->wake_fd, 1);
  if (worker_thread_stop(server->thread, STOP_MS)) {
    free_server(server);
  }
}

int64_t http_server_busy_ms(struct http_server *server) {
  return server == NULL ? 0 : worker_thread_busy_ms(server->thread);
}
