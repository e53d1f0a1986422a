/* SPDX-License-Identifier: MIT */
/* scale_record: what was added to a workload, by us and by other agents, and
 * what somebody else has changed since.
 *
 * What all agents have added together is in the book of a Lease: a number that
 * another agent of ours has written is not somebody else's. The Lease is
 * written before the number is and once more behind it, each time with the
 * resourceVersion that was read. The memory of the action, which is saved
 * before each write, has what is its own: "added" in all, "pending" of a write
 * whose end was not seen, "owner" the uid of the object that was written,
 * "reverts" and "until" of what somebody else has taken back. */
#include "resource_alert/actions/scale_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"

#define REMEMBERED_MAX INT64_C(1000000000000)

#define LEASES_PATH "/apis/coordination.k8s.io/v1/namespaces/%s/leases"
#define LEASE_NAME "resource-alert-%s"
#define BOOK_KEY "resource-alert/book"
#define IN_FLIGHT_S 30 /* longer than a write of another agent takes */

/* ---- memory ---- */

/* Bounded, so that sums cannot overflow whatever the state file contains. */
int64_t scale_record_get(const struct action_call *call, const char *key) {
  int64_t value = json_integer_value(json_object_get(call->memory, key));
  return value < -REMEMBERED_MAX  ? -REMEMBERED_MAX
         : value > REMEMBERED_MAX ? REMEMBERED_MAX
                                  : value;
}

/* Only in memory: call->save() has it on the disk, before a change that depends
 * on it. */
void scale_record_set(struct action_call *call, const char *key,
                      int64_t value) {
  (void)json_object_set_new(call->memory, key, json_integer((json_int_t)value));
}

static void forget_number(struct action_call *call, const char *key) {
  (void)json_object_del(call->memory, key);
}

/* At least a second, or the API server would be flooded. */
int64_t scale_record_pause_s(const struct scale_record *record) {
  return record->cooldown_s > 0 ? record->cooldown_s : 1;
}

/* ---- the Lease ---- */

/* Anything but a whole book is none. */
static void parse_book(const char *text, struct scale_lease *lease) {
  struct undo_book book;
  char owner[sizeof(lease->owner)];
  if (text != NULL &&
      sscanf(text,
             "uid=%63s found=%10" SCNd64 " from=%10" SCNd64 " to=%10" SCNd64,
             owner, &book.found, &book.from, &book.to) == 4 &&
      book.found >= 0 && book.found <= book.from && book.found <= book.to) {
    memcpy(lease->owner, owner, sizeof(owner));
    lease->book = book;
  }
}

/* Without a resourceVersion two agents could both write it. */
static int parse_lease(json_t *object, struct scale_lease *lease,
                       struct error *error) {
  const char *version = "";
  const char *holder = "";
  const char *since = NULL;
  const char *book = NULL;
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
  (void)json_unpack(object, "{s:{s:{s:s}}}", "metadata", "annotations",
                    BOOK_KEY, &book);
  parse_book(book, lease);
  return 0;
}

/* Before the target is read: what is concluded from both is then written only
 * if no other agent has written meanwhile. */
static int read_lease(const struct scale_target *target,
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

/* How many seconds of the cooldown are left. */
static int64_t get_cooldown_left_s(const struct scale_lease *lease,
                                   const struct scale_target *target) {
  int64_t left_s =
      lease->since_s + lease->duration_s - kubernetes_now_s(target->kubernetes);
  /* A clock that is ahead must not hold us up for longer. */
  left_s = left_s > lease->duration_s ? lease->duration_s : left_s;
  return left_s > 0 ? left_s : 0;
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
      "{s:s, s:s, s:{s:o, s:s, s:s*, s:{s:o}}, s:{s:o, s:I, s:s, s:s}}",
      "apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata",
      "name", json_sprintf(LEASE_NAME, target->name), "namespace",
      target->space, "resourceVersion",
      lease->version[0] == '\0' ? NULL : lease->version, "annotations",
      BOOK_KEY,
      json_sprintf("uid=%s found=%" PRId64 " from=%" PRId64 " to=%" PRId64,
                   lease->owner, lease->book.found, lease->book.from,
                   lease->book.to),
      "spec", "holderIdentity", json_util_from_text(lease->holder),
      "leaseDurationSeconds",
      (json_int_t)(lease->duration_s > 0 ? lease->duration_s : 1), "renewTime",
      text, "acquireTime", text);
}

/* Only if no other agent has since it was read, or -ESTALE. */
static int write_lease(const struct scale_target *target,
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

/* ---- looking ---- */

/* If another object owns the number than the one that we changed (an autoscaler
 * was added or removed, or the object was made anew), what was added is not
 * ours to remove any more. Returns true if so. */
static bool check_ownership(const struct scale_now *now,
                            struct action_call *call) {
  const char *owner = json_string_value(json_object_get(call->memory, "owner"));
  bool is_lost = owner != NULL && strcmp(owner, now->owner) != 0;
  if (is_lost) {
    call->note(call->context, "ownership_lost",
               json_pack("{s:I, s:s}", "added",
                         (json_int_t)scale_record_get(call, "added"),
                         "autoscaler", now->autoscaler));
    forget_number(call, "added");
    forget_number(call, "pending");
    forget_number(call, "reverts");
    forget_number(call, "until");
  }
  (void)json_object_set_new(call->memory, "owner", json_string(now->owner));
  return is_lost;
}

/* What somebody else has written counts as found, and nothing of it is ours. */
static void note_change(const struct scale_record *record,
                        const struct undo_book *left,
                        const struct scale_now *now, bool is_taken_back,
                        const struct action_request *request,
                        struct action_call *call) {
  call->note(call->context, is_taken_back ? "taken_back" : "changed_by_another",
             json_pack("{s:s, s:I, s:I}", "key", scale_target_key(now), "left",
                       (json_int_t)left->to, "found", (json_int_t)now->value));
  forget_number(call, "added");
  forget_number(call, "pending");
  if (is_taken_back && request->is_on) {
    struct undo_reverts reverts = undo_book_get_reverts(call->memory);
    undo_book_add_revert(&reverts, scale_record_pause_s(record),
                         request->now_s);
    undo_book_set_reverts(&reverts, call->memory);
  }
}

/* Compares what stands with what was left, by us and by other agents. */
static void update_book(struct scale_record *record, struct scale_look *look,
                        const struct action_request *request,
                        struct action_call *call) {
  struct undo_book *book = &look->lease.book;
  const struct undo_book left = *book;
  enum undo_seen seen = undo_book_observe(book, look->now.value);
  int64_t pending = scale_record_get(call, "pending");
  switch (seen) {
  case UNDO_AS_LEFT:
    if (pending != 0) { /* done after all */
      record->has_claim = false;
    } else if (book->to > book->found) {
      forget_number(call, "reverts"); /* the last one holds */
    }
    break;
  case UNDO_NOT_DONE:
    scale_record_set(call, "added", scale_record_get(call, "added") - pending);
    break;
  case UNDO_CHANGED:
  case UNDO_TAKEN_BACK:
    look->is_changed = true;
    note_change(record, &left, &look->now, seen == UNDO_TAKEN_BACK, request,
                call);
    break;
  }
  forget_number(call, "pending");
}

/* Between another agent's claim and its write the number is the old one; to
 * conclude that the write was not done would make it somebody else's. */
static bool is_in_flight(const struct scale_record *record,
                         const struct scale_look *look) {
  const struct scale_lease *lease = &look->lease;
  int64_t age_s = kubernetes_now_s(record->target.kubernetes) - lease->since_s;
  return lease->book.from != lease->book.to &&
         look->now.value == lease->book.from && age_s > -IN_FLIGHT_S &&
         age_s < IN_FLIGHT_S && strcmp(lease->holder, record->owner) != 0;
}

int scale_record_look(struct scale_record *record, struct scale_look *look,
                      const struct action_request *request,
                      struct action_call *call) {
  struct scale_lease *lease = &look->lease;
  *look = (struct scale_look){0};
  int code = read_lease(&record->target, lease, call);
  if (code == 0) {
    code = scale_target_read(&record->target, &look->now, call);
  }
  if (code != 0) {
    return code;
  }
  call->replicas = look->now.replicas;
  record->has_claim =
      record->has_claim && strcmp(lease->holder, record->owner) == 0;
  look->is_lost = check_ownership(&look->now, call);
  const struct undo_book left = lease->book;
  if (strcmp(lease->owner, look->now.owner) == 0) {
    if (is_in_flight(record, look)) {
      call->again_in_ms = scale_record_pause_s(record) * 1000;
      return -EAGAIN;
    }
    update_book(record, look, request, call);
    bool is_settled = memcmp(&left, &lease->book, sizeof(left)) == 0;
    return is_settled ? 0 : write_lease(&record->target, lease, call);
  }
  lease->book = undo_book_begin(look->now.value);
  memcpy(lease->owner, look->now.owner, sizeof(lease->owner));
  forget_number(call, "added");
  forget_number(call, "pending");
  return 0;
}

/* ---- writing ---- */

int scale_record_check_cooldown(const struct scale_record *record,
                                const struct scale_look *look,
                                struct action_call *call) {
  int64_t left_s = get_cooldown_left_s(&look->lease, &record->target);
  if (record->has_claim || record->cooldown_s == 0 || left_s == 0) {
    return 0;
  }
  call->again_in_ms = left_s * 1000;
  return -EAGAIN;
}

/* The Lease has the write before the number is written, for all agents; our
 * memory has it, too, so that it is undone whatever happens. */
static int claim_write(struct scale_record *record, struct scale_look *look,
                       int64_t value, struct action_call *call) {
  struct scale_lease *lease = &look->lease;
  if (!record->has_claim) {
    lease->since_s = kubernetes_now_s(record->target.kubernetes);
    lease->duration_s = record->cooldown_s;
    (void)snprintf(lease->holder, sizeof(lease->holder), "%s", record->owner);
  }
  undo_book_begin_write(&lease->book, value);
  int code = write_lease(&record->target, lease, call);
  if (code != 0) {
    return code;
  }
  int64_t change = value - look->now.value;
  record->has_claim = true;
  scale_record_set(call, "added", scale_record_get(call, "added") + change);
  scale_record_set(call, "pending", change);
  call->save(call->context);
  return 0;
}

/* If this fails, the next look finds out what it would have said. */
static void end_write(const struct scale_record *record,
                      struct scale_look *look, struct action_call *call) {
  struct error ignored = {{0}};
  struct action_call quiet = *call;
  quiet.error = &ignored;
  forget_number(call, "pending");
  (void)write_lease(&record->target, &look->lease, &quiet);
}

int scale_record_write(struct scale_record *record, struct scale_look *look,
                       int64_t value, struct action_call *call) {
  const struct scale_now *now = &look->now;
  int64_t change = value - now->value;
  int code = claim_write(record, look, value, call);
  if (code != 0) {
    return code;
  }
  code = scale_target_write(&record->target, now, value, false, call);
  if (code == -ESTALE) { /* not done for certain, whatever stands now */
    scale_record_set(call, "added", scale_record_get(call, "added") - change);
    undo_book_cancel_write(&look->lease.book);
    end_write(record, look, call);
  } else if (code == 0) {
    undo_book_end_write(&look->lease.book);
    end_write(record, look, call);
    record->has_claim = false;
    call->replicas = now->replicas + change;
  }
  return code; /* after any other failure the next look shows what was done */
}

/* ---- testing ---- */

/* The permission to write the Lease. */
static int check_lease_permission(const struct scale_target *target,
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

/* With dryRun=All the server checks the write and does not store it. A conflict
 * means that it was allowed. */
int scale_record_self_test(struct scale_record *record,
                           struct action_call *call) {
  struct scale_now now;
  struct scale_lease lease;
  int code = read_lease(&record->target, &lease, call);
  code = code == 0 ? scale_target_read(&record->target, &now, call) : code;
  if (code == 0 && now.is_missing) {
    return -ENOENT;
  }
  if (code == 0) {
    code = scale_target_write(&record->target, &now, now.value, true, call);
  }
  return code == 0 || code == -ESTALE
             ? check_lease_permission(&record->target, call)
             : code;
}
