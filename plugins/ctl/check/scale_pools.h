/* SPDX-License-Identifier: MIT */
/* scale_pools: whether the replicas that <Scale> may add fit into the server of
 * their pool. */
#pragma once

#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "dbpool/options.h"
#include "resource_alert/responses/response_options.h"

/* Reports what is wrong with the Pool lines of the response. Asks the pool's
 * server how many connections it has room for, and waits at most 3 seconds for
 * it; one that does not answer is not reported. */
void scale_pools_check(const struct dbpool_options *dbpool,
                       const struct response_options *response,
                       struct lint_report *report,
                       struct config_files_place place);
