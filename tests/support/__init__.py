"""What tests share: servers, proxies, mailboxes, browsers, people."""
