"""How the site is served, whoever starts it: ``gunicorn --config deploy/gunicorn.conf.py wsgi:app``."""

bind = "127.0.0.1:8000"  # the web server in front alone reaches it
workers = 2
threads = 4
# A visitor's own SCRIPT_NAME would be believed otherwise, once the web server in front passed it on.
forwarder_headers = ""
# Nobody needs to steer it but systemd, by signals.
control_socket_disable = True
# Seconds given to answers under way when it stops: more than the slowest of them takes.
graceful_timeout = 30
