/* SPDX-License-Identifier: Apache-2.0 */
/* A backend that does what the address says, so that a test can be slow, down, hanging and
 * lying when it likes. Addresses begin with the word: ok, alias, none, down, slow, hang,
 * lie-..., unsure; of `staff+x@` it knows staff@. */
#ifndef IMS_TESTS_FAKE_BACKEND_H
#define IMS_TESTS_FAKE_BACKEND_H

#include "services/directory/backend.h"

extern const struct backend fake_backend;        /* find and verify */
extern const struct backend fake_list_backend;   /* find, with verifiers */
extern const struct backend fake_checks_backend; /* verify alone */

struct fake {
	/* as they are called, from any thread */
	_Atomic unsigned opens, closes, finds, verifies;
	/* what it does */
	_Atomic bool refuse;   /* open fails */
	_Atomic bool is_down;  /* find and verify do */
	_Atomic bool drop_one; /* the next call is DOWN, as a connection that was closed is */
	_Atomic bool hang;     /* `hang...` waits until this is false */
	_Atomic int64_t slow_ms;
	char secret[64];       /* of the last open */
};
extern struct fake fake;

/* Everything back to the beginning; calls that hang return first. */
void fake_reset(void);

#endif
