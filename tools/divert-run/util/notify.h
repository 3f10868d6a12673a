/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a service manager that the command runs, see sd_notify(3). */
#ifndef DIVERT_RUN_NOTIFY_H
#define DIVERT_RUN_NOTIFY_H

/*
 * Sends "READY=1" to the UNIX socket that NOTIFY_SOCKET names, by a path or, after an @, an
 * abstract name. Does nothing without that variable; a failure is only a warning, since the command
 * runs all the same.
 */
void notify_ready(void);

#endif
