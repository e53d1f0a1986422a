/* SPDX-License-Identifier: MIT */
/* scale_record: what was added to a workload, by us and by other agents, and
 * what somebody else has changed since.
 *
 * What all agents have added together is in the book of the Lease. The memory
 * of the action, which is saved before each write, has what is its own: "added"
 * in all, "pending" of a write whose end was not seen, "owner" the uid of the
 * object that was written, "reverts" and "until" of what somebody else has
 * taken back. */
#include "resource_alert/actions/scale_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REMEMBERED_MAX INT64_C(1000000000000)

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

/* An absent key reads as 0; see scale_record_get(). */
static void forscale_record_get(struct action_call *call, const char *key) {
  (void)json_object_del(call->memory, key);
}

/* At least a second, or the API server would be flooded. */
int64_t scale_record_pause_s(const struct scale_record *record) {
  return record->cooldown_s > 0 ? record->cooldown_s : 1;
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
    forscale_record_get(call, "added");
    forscale_record_get(call, "pending");
    forscale_record_get(call, "reverts");
    forscale_record_get(call, "until");
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
  forscale_record_get(call, "added");
  forscale_record_get(call, "pending");
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
      forscale_record_get(call, "reverts"); /* the last one holds */
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
  forscale_record_get(call, "pending");
}

int scale_record_look(struct scale_record *record, struct scale_look *look,
                      const struct action_request *request,
                      struct action_call *call) {
  struct scale_lease *lease = &look->lease;
  *look = (struct scale_look){0};
  int code = scale_lease_read(&record->target, lease, call);
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
    update_book(record, look, request, call);
    bool is_settled = memcmp(&left, &lease->book, sizeof(left)) == 0;
    return is_settled ? 0 : scale_lease_write(&record->target, lease, call);
  }
  lease->book = undo_book_begin(look->now.value);
  memcpy(lease->owner, look->now.owner, sizeof(lease->owner));
  forscale_record_get(call, "added");
  forscale_record_get(call, "pending");
  return 0;
}

/* ---- writing ---- */

int scale_record_check_cooldown(const struct scale_record *record,
                                const struct scale_look *look,
                                struct action_call *call) {
  int64_t left_s = scale_lease_left_s(&look->lease, &record->target);
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
  int code = scale_lease_write(&record->target, lease, call);
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
  forscale_record_get(call, "pending");
  (void)scale_lease_write(&record->target, &look->lease, &quiet);
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
