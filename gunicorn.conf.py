"""Settings of gunicorn, which reads this file when it starts in this folder.

It needs a proxy in front that buffers requests and answers (deploy/nginx.conf, deploy/Caddyfile), because a
slow client occupies a thread. The proxy also limits the length of URLs and headers, and refuses in French.
"""

bind = "127.0.0.1:8000"  # only a proxy on this machine can connect
workers = 2
threads = 4
graceful_timeout = 30  # seconds for the requests in progress at a stop: longer than the slowest takes
forwarder_headers = ""  # a SCRIPT_NAME header from a visitor does not change the URLs
control_socket_disable = True
# No limits of its own below those of the proxy.
limit_request_line = 0
limit_request_fields = 32768  # the most that gunicorn allows
limit_request_field_size = 65536  # bytes
