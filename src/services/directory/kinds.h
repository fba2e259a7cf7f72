/* SPDX-License-Identifier: Apache-2.0 */
/* The backends that there are. */
#ifndef IMS_DIRECTORY_KINDS_H
#define IMS_DIRECTORY_KINDS_H

#include "services/directory/backend.h"

#endif
