/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMS_TESTS_FREE_PORT_H
#define IMS_TESTS_FREE_PORT_H

#include <stdint.h>

/* A port of 127.0.0.1 that nobody uses now, and that nobody gets by chance: below those that
 * the system gives to clients and to port 0, so tests that run beside do not take it. Never
 * the same twice in one process. */
uint16_t free_port(void);

#endif
