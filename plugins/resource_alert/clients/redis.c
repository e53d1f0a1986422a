/* SPDX-License-Identifier: MIT */
/* redis: one command at a time on a Redis server.
 *
 * hiredis only formats and parses here: its blocking calls could not be
 * cancelled. A connection that failed in any way is closed, since the reply to
 * the old command could still arrive on it. */
#include "resource_alert/clients/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/shared_library.h"
#include "core/text.h"
#include "core/trusted_path.h"

#define DEFAULT_PORT 6379
#define WORDS_MAX 8

#define REDIS_FUNCTIONS(X)                                                     \
  X(redis, AppendCommandArgv)                                                  \
  X(redis, BufferRead)                                                         \
  X(redis, BufferWrite)                                                        \
  X(redis, ConnectNonBlock)                                                    \
  X(redis, Free)                                                               \
  X(redis, GetReplyFromReader)                                                 \
  X(free, ReplyObject)
SHARED_LIBRARY(hiredis, REDIS_FUNCTIONS, LIBHIREDIS_SONAME);

int redis_load_library(struct error *error) {
  return shared_library_load(&hiredis_library, NULL, error);
}

int redis_parse_url(struct redis *redis, const char *url, bool allows_plain,
                    struct error *error) {
  static const char scheme[] = "redis://";
  const char *host = url + sizeof(scheme) - 1;
  if (strncmp(url, scheme, sizeof(scheme) - 1) != 0 || *host == '\0' ||
      strpbrk(host, "@/?") != NULL) {
    return error_set(error, -EINVAL,
                     "URL must be redis://HOST:PORT: write URL "
                     "\"redis://127.0.0.1:6379\"; the user and the password "
                     "belong in User and PasswordFile");
  }
  size_t length = strcspn(host, ":");
  char *end = NULL;
  long port =
      host[length] == ':' ? strtol(host + length + 1, &end, 10) : DEFAULT_PORT;
  if (length >= sizeof(redis->host) || port < 1 || port > 65535 ||
      (end != NULL && *end != '\0')) {
    return error_set(error, -EINVAL, "URL has no valid port");
  }
  (void)snprintf(redis->host, sizeof(redis->host), "%.*s", (int)length, host);
  redis->port = (int)port;
  return allows_plain || text_is_loopback(redis->host)
             ? 0
             : error_set(error, -EINVAL,
                         "URL is another machine, and the connection is not "
                         "encrypted: write an address of this machine, or "
                         "AllowPlainHTTP true");
}

void redis_close(struct redis *redis) {
  if (redis->context != NULL) {
    hiredis.Free(redis->context);
    redis->context = NULL;
  }
}

/* ---- one command ---- */

/* The connection's own failure; the text of the library. */
static int set_connection_error(const struct redis *redis,
                                struct error *error) {
  const redisContext *context = redis->context;
  return error_set(error, -EIO, "%s:%d: %s", redis->host, redis->port,
                   context == NULL || context->errstr[0] == '\0'
                       ? "cannot connect"
                       : context->errstr);
}

static int translate_reply_error(const char *text) {
  return strncmp(text, "NOAUTH", 6) == 0 || strncmp(text, "NOPERM", 6) == 0 ||
                 strncmp(text, "WRONGPASS", 9) == 0
             ? -EACCES
             : -EIO;
}

static int take_reply(redisReply *reply, char **ret_text, struct error *error) {
  int code = 0;
  char number[32];
  const char *text = NULL;
  if (reply->type == REDIS_REPLY_ERROR) {
    code = error_set(error, translate_reply_error(reply->str), "%.200s",
                     reply->str);
  } else if (reply->type == REDIS_REPLY_STRING ||
             reply->type == REDIS_REPLY_STATUS) {
    text = reply->str;
  } else if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0) {
    (void)snprintf(number, sizeof(number), "%lld", reply->integer);
    text = number;
  }
  if (code == 0 && text != NULL && ret_text != NULL) {
    *ret_text = strdup(text);
    code = *ret_text != NULL ? 0 : error_set(error, -ENOMEM, "out of memory");
  }
  hiredis.ReplyObject(reply);
  return code;
}

static int send_buffer(struct redis *redis, struct action_call *call) {
  redisContext *context = redis->context;
  int is_done = 0;
  while (is_done == 0) {
    int code = action_call_wait(call, context->fd, POLLOUT, redis->host);
    if (code != 0) {
      return code;
    }
    if (hiredis.BufferWrite(context, &is_done) != REDIS_OK) {
      return set_connection_error(redis, call->error);
    }
  }
  return 0;
}

static int receive_reply(struct redis *redis, struct action_call *call,
                         redisReply **ret_reply) {
  redisContext *context = redis->context;
  void *reply = NULL;
  while (reply == NULL) {
    int code = action_call_wait(call, context->fd, POLLIN, redis->host);
    if (code != 0) {
      return code;
    }
    if (hiredis.BufferRead(context) != REDIS_OK ||
        hiredis.GetReplyFromReader(context, &reply) != REDIS_OK) {
      return set_connection_error(redis, call->error);
    }
    if (reply == NULL && context->reader->len > REDIS_REPLY_BYTES_MAX) {
      return error_set(call->error, -EPROTO, "the reply is too large");
    }
  }
  *ret_reply = reply;
  return 0;
}

/* On a connection that is open. */
static int exchange(struct redis *redis, const char *const *words, size_t count,
                    struct action_call *call, char **ret_text) {
  const char *list[WORDS_MAX];
  size_t lengths[WORDS_MAX];
  redisReply *reply = NULL;
  for (size_t i = 0; i < count && i < WORDS_MAX; i++) {
    list[i] = words[i];
    lengths[i] = strlen(words[i]);
  }
  int code = hiredis.AppendCommandArgv(redis->context, (int)count, list,
                                       lengths) == REDIS_OK
                 ? send_buffer(redis, call)
                 : error_set(call->error, -ENOMEM, "out of memory");
  if (code == 0) {
    code = receive_reply(redis, call, &reply);
  }
  return code == 0 ? take_reply(reply, ret_text, call->error) : code;
}

static int log_in(struct redis *redis, struct action_call *call) {
  char *password = NULL;
  if (redis->password_file == NULL) {
    return 0;
  }
  int code = trusted_path_read_secret(redis->password_file, false, &password,
                                      call->error);
  if (code == 0) {
    const char *words[] = {"AUTH", redis->user, password};
    const char *short_words[] = {"AUTH", password};
    bool has_user = redis->user != NULL;
    code = exchange(redis, has_user ? words : short_words, has_user ? 3 : 2,
                    call, NULL);
    error_hide(call->error, password);
  }
  trusted_path_forget_secret(password);
  return code;
}

static int connect_to_server(struct redis *redis, struct action_call *call) {
  int failure = 0;
  socklen_t bytes = sizeof(failure);
  int code = redis_load_library(call->error);
  if (code != 0) {
    return code;
  }
  redisContext *context = hiredis.ConnectNonBlock(redis->host, redis->port);
  redis->context = context;
  if (context == NULL || context->err != 0) {
    return set_connection_error(redis, call->error);
  }
  code = action_call_wait(call, context->fd, POLLOUT, redis->host);
  if (code == 0 &&
      getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &failure, &bytes) == 0 &&
      failure != 0) {
    code = error_set(call->error, -failure, "%s:%d: %s", redis->host,
                     redis->port, strerror(failure));
  }
  return code == 0 ? log_in(redis, call) : code;
}

int redis_send_command(struct redis *redis, const char *const *words,
                       size_t count, struct action_call *call,
                       char **ret_text) {
  bool was_open = redis->context != NULL;
  int code = was_open ? 0 : connect_to_server(redis, call);
  if (ret_text != NULL) {
    *ret_text = NULL;
  }
  if (code == 0) {
    code = exchange(redis, words, count, call, ret_text);
  }
  if (code != 0) {
    redis_close(redis);
  }
  return code;
}
