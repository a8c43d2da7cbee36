//! The texts around the flags in `dht -h` and `dht --help`.

pub(super) const ABOUT: &str =
    "A distributed hash table: store and fetch values up to 5 MB across a network of nodes";

pub(super) const LONG_ABOUT: &str = "\
A distributed hash table: store and fetch values up to 5 MB across a network of nodes.

Without a command `dht` runs a node until Ctrl-C. With one of -s, -S, -f, -F, or a command, it joins a \
network as a client, does that one thing and exits. stdout carries data only; logs go to stderr.";

pub(super) const AFTER: &str = "`dht --help` says more, and shows examples.";

pub(super) const AFTER_LONG: &str = "\
Examples:
  A network of 16 nodes in one process, with a console:
      dht -n 16 -i

  A node of its own, and a second one that joins it:
      dht -l :3000
      dht -c :3000 -l :3001

  One that keeps what it holds on disk, and is the same node at its next start:
      dht -l :3000 --data-dir ~/.dht

  One that keeps a copy of everything in the network:
      dht -c 192.0.2.7:3000 --mirror --data-dir ~/.dht-mirror --capacity 50GB

  Store a file, and fetch it from anywhere in the network:
      dht -c 192.0.2.7:3000 -s < photo.jpg          # prints the key
      dht -c 192.0.2.7:3000 -f KEY > photo.jpg

  The same under a name:
      dht -c :3000 -S holiday < photo.jpg
      dht -c :3000 -F holiday > photo.jpg

  A value that lives for an hour, its holders told as JSON:
      date | dht -c :3000 -s --ttl 1h --json

  A record that its author alone can replace:
      dht keygen me.key                             # prints AUTHOR
      dht publish -c :3000 --key-file me.key --salt news < issue.txt
      dht resolve -c :3000 AUTHOR:news > issue.txt

  Drive the console from a script:
      echo 's hello' | dht -c :3000 -l :0 -i

Exit codes:
  0  done
  1  not found, or the name or version is taken
  2  wrong usage, or a value over the limit
  3  network: no answer, port in use, nobody takes the value
  4  internal, or a data directory that cannot be used";
