/* SPDX-License-Identifier: MIT */
/* scale_lease: the record that all agents on a workload share, in a Lease.
 *
 * A number that another agent of ours has written is not somebody else's: so
 * the book is kept where all agents see it. It is written before the number is
 * and once more behind it, each time with the resourceVersion that was read. */
#include "resource_alert/actions/scale_lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"

#define LEASES_PATH "/apis/coordination.k8s.io/v1/namespaces/%s/leases"
#define LEASE_NAME "resource-alert-%s"
#define OWNER_KEY "resource-alert/uid"
#define FOUND_KEY "resource-alert/found"
#define FROM_KEY "resource-alert/from"
#define TO_KEY "resource-alert/to"

/* ---- reading ---- */

/* An annotation is text. Returns false for what is no number of replicas. */
static bool parse_replicas(const json_t *annotations, const char *key,
                           int64_t *ret) {
  const char *text = json_string_value(json_object_get(annotations, key));
  char *end = NULL;
  if (text == NULL || text[0] < '0' || text[0] > '9') {
    return false;
  }
  errno = 0;
  *ret = strtoll(text, &end, 10);
  return errno == 0 && *end == '\0' && *ret <= INT32_MAX;
}

/* Anything but a whole book is none. */
static void parse_book(const json_t *annotations, struct scale_lease *lease) {
  const char *owner =
      json_string_value(json_object_get(annotations, OWNER_KEY));
  struct undo_book book = {0};
  if (owner != NULL && strlen(owner) < sizeof(lease->owner) &&
      parse_replicas(annotations, FOUND_KEY, &book.found) &&
      parse_replicas(annotations, FROM_KEY, &book.from) &&
      parse_replicas(annotations, TO_KEY, &book.to) &&
      book.found <= book.from && book.found <= book.to) {
    memcpy(lease->owner, owner, strlen(owner) + 1);
    lease->book = book;
  }
}

/* Without a resourceVersion two agents could both write it. */
static int parse_lease(json_t *object, struct scale_lease *lease,
                       struct error *error) {
  const char *version = "";
  const char *holder = "";
  const char *since = NULL;
  json_int_t duration_s = 0;
  (void)json_unpack(object, "{s:{s:s}}", "metadata", "resourceVersion",
                    &version);
  (void)json_unpack(object, "{s:{s?s, s?s, s?I}}", "spec", "holderIdentity",
                    &holder, "renewTime", &since, "leaseDurationSeconds",
                    &duration_s);
  if (version[0] == '\0' || strlen(version) >= sizeof(lease->version)) {
    return error_set(error, -EPROTO, "the Lease has no valid resourceVersion");
  }
  memcpy(lease->version, version, strlen(version) + 1);
  (void)snprintf(lease->holder, sizeof(lease->holder), "%s", holder);
  lease->since_s = kubernetes_parse_time(since);
  lease->duration_s =
      duration_s > 0 && duration_s <= INT32_MAX ? duration_s : 0;
  parse_book(
      json_object_get(json_object_get(object, "metadata"), "annotations"),
      lease);
  return 0;
}

int scale_lease_read(const struct scale_target *target,
                     struct scale_lease *lease, struct action_call *call) {
  json_t *object = NULL;
  *lease = (struct scale_lease){0};
  int code = kubernetes_request(target->kubernetes, "GET", NULL, call, &object,
                                LEASES_PATH "/" LEASE_NAME, target->space,
                                target->name);
  if (code == -ENOENT) {
    return kubernetes_said_gone(target->kubernetes) ? 0 : -EPROTO;
  }
  code = code == 0 ? parse_lease(object, lease, call->error) : code;
  json_decref(object);
  return code;
}

int64_t scale_lease_left_s(const struct scale_lease *lease,
                           const struct scale_target *target) {
  int64_t left_s =
      lease->since_s + lease->duration_s - kubernetes_now_s(target->kubernetes);
  /* A clock that is ahead must not hold us up for longer. */
  left_s = left_s > lease->duration_s ? lease->duration_s : left_s;
  return left_s > 0 ? left_s : 0;
}

/* ---- writing ---- */

static json_t *make_book(const struct scale_lease *lease) {
  const struct undo_book *book = &lease->book;
  return json_pack("{s:s, s:o, s:o, s:o}", OWNER_KEY, lease->owner, FOUND_KEY,
                   json_sprintf("%" PRId64, book->found), FROM_KEY,
                   json_sprintf("%" PRId64, book->from), TO_KEY,
                   json_sprintf("%" PRId64, book->to));
}

/* The server refuses a duration of 0. */
static json_t *make_lease(const struct scale_target *target,
                          const struct scale_lease *lease) {
  char text[64];
  struct tm parts;
  time_t when = (time_t)lease->since_s;
  (void)gmtime_r(&when, &parts);
  (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
  return json_pack(
      "{s:s, s:s, s:{s:o, s:s, s:s*, s:o}, s:{s:o, s:I, s:s, s:s}}",
      "apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata",
      "name", json_sprintf(LEASE_NAME, target->name), "namespace",
      target->space, "resourceVersion",
      lease->version[0] == '\0' ? NULL : lease->version, "annotations",
      make_book(lease), "spec", "holderIdentity",
      json_util_from_text(lease->holder), "leaseDurationSeconds",
      (json_int_t)(lease->duration_s > 0 ? lease->duration_s : 1), "renewTime",
      text, "acquireTime", text);
}

int scale_lease_write(const struct scale_target *target,
                      struct scale_lease *lease, struct action_call *call) {
  json_t *body = make_lease(target, lease);
  json_t *object = NULL;
  int code = lease->version[0] == '\0'
                 ? kubernetes_request(target->kubernetes, "POST", body, call,
                                      &object, LEASES_PATH, target->space)
                 : kubernetes_request(target->kubernetes, "PUT", body, call,
                                      &object, LEASES_PATH "/" LEASE_NAME,
                                      target->space, target->name);
  code = code == 0 ? parse_lease(object, lease, call->error) : code;
  json_decref(object);
  return code == -ENOENT ? -ESTALE : code; /* deleted meanwhile */
}

int scale_lease_check_permission(const struct scale_target *target,
                                 struct action_call *call) {
  char name[300];
  (void)snprintf(name, sizeof(name), LEASE_NAME, target->name);
  int code =
      kubernetes_check_permission(target->kubernetes, target->space, "create",
                                  "coordination.k8s.io", "leases", "", call);
  return code == 0
             ? kubernetes_check_permission(target->kubernetes, target->space,
                                           "update", "coordination.k8s.io",
                                           "leases", name, call)
             : code;
}
