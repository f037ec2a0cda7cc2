"""How each service of the shop is served: by two processes, whose counts must add up."""

import os

workers = int(os.environ.get("SHOP_WORKERS", "2"))
worker_class = "gthread"
threads = 4
# Long enough for the slowest fault to pass through, short enough that Ctrl-C does not drag.
graceful_timeout = 3
timeout = 30
keepalive = 30
# The control socket would be one fixed file for all three services.
control_socket_disable = True
accesslog = None
loglevel = "warning"
