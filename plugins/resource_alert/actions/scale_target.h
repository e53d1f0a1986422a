/* SPDX-License-Identifier: MIT */
/* scale_target: the number of replicas of a workload, and who owns it: the
 * workload itself, or an autoscaler, whose lower bound is changed instead. */
#pragma once

#include "resource_alert/clients/kubernetes.h"

/* What to scale; all borrowed. */
struct scale_target {
  struct kubernetes *kubernetes;
  const char *space;  /* namespace */
  const char *kind;   /* "Deployment" */
  const char *plural; /* "deployments" */
  const char *name;
};

/* Its present state. */
struct scale_now {
  char autoscaler[256]; /* name of the HorizontalPodAutoscaler; "": none */
  char version[64];     /* resourceVersion of what is to be written */
  char owner[64];       /* its uid: another one is another object */
  int64_t replicas;     /* desired now */
  int64_t value;        /* what is to be written: replicas, or the autoscaler's
                           minReplicas */
  int64_t limit;        /* the autoscaler's maxReplicas; else INT64_MAX */
};

/* Reads it. Returns 0 or what kubernetes_request() does. */
int scale_target_read(const struct scale_target *target, struct scale_now *now,
                      struct action_call *call);

/* Writes VALUE if the object has not changed since NOW was read, and reads it
 * back. is_dry_run: the server checks the write and does not store it.
 * Returns 0; -ESTALE; what kubernetes_request() does. */
int scale_target_write(const struct scale_target *target,
                       const struct scale_now *now, int64_t value,
                       bool is_dry_run, struct action_call *call);

/* Acquires the right to scale for cooldown_s seconds: a Lease that all agents
 * on this target share, so that two of them scale once. Returns 0, or -EAGAIN
 * with the seconds to wait in *ret_wait_s. */
int scale_target_claim_cooldown(const struct scale_target *target,
                                const char *holder, int64_t cooldown_s,
                                int64_t *ret_wait_s, struct action_call *call);
