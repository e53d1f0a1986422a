/* SPDX-License-Identifier: MIT */
/* status_parts: what the files of the status share among themselves. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_PARTS_H
#define RESOURCE_ALERT_STATUS_STATUS_PARTS_H

#include <pthread.h>
#include <stdbool.h>

#include "resource_alert/status/http_server.h"
#include "resource_alert/status/status.h"
#include "resource_alert/status/status_history.h"

/* What one server may do. */
struct status_door {
  struct status *status;
  bool takes_orders;
};

struct status {
  struct status_deps deps;
  struct status_door public_door;
  struct status_door control_door;
  struct http_server *public_server;  /* NULL: none */
  struct http_server *control_server; /* NULL: none */
  pthread_t thread;                   /* takes the history */
  bool has_thread;

  pthread_mutex_t lock;    /* guards the rest */
  pthread_cond_t has_news; /* is_stopping */
  bool is_stopping;
  struct status_history history;
  json_t *snapshot; /* at most STATUS_FRESH_MS old when it is used */
  int64_t snapshot_ms;
};

/* All that there is to know, as the manual describes it; borrowed until the
 * lock is given back. Under the lock. NULL without memory. */
json_t *status_take(struct status *status);

/* The worst state among the rules of a snapshot. A literal. */
const char *status_worst(const json_t *rules);

/* Answers a POST: a silence, an order. Returns true if the path is one. */
bool status_obey(struct status *status, const struct http_request *request,
                 struct http_reply *reply);

/* Sets a JSON body. json: taken. */
void status_reply_json(struct http_reply *reply, unsigned code, json_t *json);

/* For http_handler; context: struct status_door. */
void status_answer(void *context, const struct http_request *request,
                   struct http_reply *reply);

/* The page for people, built in. */
extern const unsigned char status_page[];
extern const size_t status_page_bytes;

#endif
