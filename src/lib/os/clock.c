/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/clock.h"

#include <assert.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);
	assert(rc == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void) { return clock_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_us(CLOCK_MONOTONIC) / 1000; }
int64_t clock_wall_ms(void) { return clock_us(CLOCK_REALTIME) / 1000; }
