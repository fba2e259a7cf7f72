/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "free_port.h"
#include "lib/os/socket.h"

/* Between those of the end-to-end tests (tests/e2e/service.py) and 32768; the count is prime,
 * so that turns of any length meet each. */
enum { PORT_FIRST = 32000, PORT_COUNT = 701, TURN = 7 };

uint16_t free_port(void)
{
	static unsigned turn;
	for (int i = 0; i < PORT_COUNT; i++) {
		unsigned at = (unsigned)getpid() * 97 + turn++ * TURN;
		uint16_t port = (uint16_t)(PORT_FIRST + at % PORT_COUNT);
		int fd = socket_listen(ip_of_v4(0x7f000001), port);
		if (fd < 0) continue;
		close(fd);
		return port;
	}
	fail_msg("no port is free");
	return 0;
}
