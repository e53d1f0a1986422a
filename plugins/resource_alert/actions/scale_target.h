/* SPDX-License-Identifier: MIT */
/* scale_target: the number of replicas of a workload, and who owns it: the
 * workload itself, or an autoscaler, whose lower bound is changed instead. */
#pragma once

#include "resource_alert/clients/kubernetes.h"

#define SCALE_TARGET_PLURAL_BYTES 128

/* What to scale; all borrowed. */
struct scale_target {
  struct kubernetes *kubernetes;
  const char *space; /* namespace */
  const char *api;   /* "apps/v1" */
  const char *kind;  /* "Deployment" */
  const char *name;
  /* "deployments"; "": not known yet, the server is asked for it. */
  char plural[SCALE_TARGET_PLURAL_BYTES];
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
  bool is_missing;      /* there is only the autoscaler, and no workload */
};

/* Reads it. Returns 0; -ENOENT, where the API itself says that there is no such
 * workload, or no such kind, and no autoscaler has been left behind; what
 * kubernetes_request() does. */
int scale_target_read(struct scale_target *target, struct scale_now *now,
                      struct action_call *call);

/* Writes VALUE if the object has not changed since NOW was read. is_dry_run:
 * the server checks the write and does not store it.
 * Returns 0 once the server has shown the object with VALUE; -ESTALE; -EIO if
 * it shows another number; what kubernetes_request() does. */
int scale_target_write(const struct scale_target *target,
                       const struct scale_now *now, int64_t value,
                       bool is_dry_run, struct action_call *call);

/* "replicas" or "minReplicas": what is written. */
const char *scale_target_key(const struct scale_now *now);
