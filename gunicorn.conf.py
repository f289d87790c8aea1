"""Settings of gunicorn, which reads this file where it starts from this folder. A proxy in front buffers."""

bind = "127.0.0.1:8000"  # only the proxy of this machine reaches it
workers = 2
threads = 4
# Seconds for the requests under way when it stops: longer than the slowest of them.
graceful_timeout = 30
# No header of a visitor sets SCRIPT_NAME, even if a proxy passes it on.
forwarder_headers = ""
control_socket_disable = True
limit_request_line = 8190  # bytes, the maximum
limit_request_fields = 64
limit_request_field_size = 8190  # bytes
