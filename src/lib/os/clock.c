/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/clock.h"

#include <assert.h>
#include <time.h>

#ifdef IMS_FAULTS
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

static int64_t clock_us(clockid_t id)
{
	struct timespec ts;
	int rc = clock_gettime(id, &ts);
	assert(rc == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

#ifdef IMS_FAULTS
/* IMS_FAULT=clock=FILE: milliseconds, as 8 octets of the machine's order, by which the wall
 * clock is wrong; a test may change them at any time. Mapped by the first call, which
 * comes before the process gives up its rights. */
static int64_t clock_wrong_ms(void)
{
	static const volatile int64_t *wrong;
	static bool looked;
	const char *wish = getenv("IMS_FAULT");
	if (!looked && wish && strncmp(wish, "clock=", 6) == 0) {
		int fd = open(wish + 6, O_RDONLY | O_CLOEXEC);
		void *at = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED) wrong = at;
		if (fd >= 0) (void)close(fd);
	}
	looked = true;
	return wrong ? *wrong : 0;
}
#else
static int64_t clock_wrong_ms(void) { return 0; }
#endif

int64_t clock_mono_us(void) { return clock_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_us(CLOCK_MONOTONIC) / 1000; }
int64_t clock_wall_ms(void) { return clock_us(CLOCK_REALTIME) / 1000 + clock_wrong_ms(); }
