"""How gunicorn serves a service: SHOP_WORKERS processes of four threads."""

import os

workers = int(os.environ.get("SHOP_WORKERS", "2"))
worker_class = "gthread"
threads = 4
# A worker that is stopped must stay, so that half of a service can be ill.
timeout = 3600
graceful_timeout = 2
# Each call connects anew, so that a change of address or of the network shows at once.
keepalive = 0
control_socket_disable = True
accesslog = None
loglevel = "warning"
