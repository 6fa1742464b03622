#!/usr/bin/env bash
# Makes the Debian package and the tarball of a published native program:
#   dotnet publish Dynamo.Pipeline.Host -c Release -r linux-x64 -o published
#   deploy/package.sh published packages
set -euo pipefail
published=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")"
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' ../Directory.Build.props)
homepage=$(sed -n 's:.*<ProjectUrl>\(.*\)</ProjectUrl>.*:\1:p' ../Directory.Build.props)
# The same program makes the same packages, byte for byte.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

program() { # into this folder
    install -D -m 755 "$published/dynamo" "$1/dynamo"
    install -m 644 "$published/libe_sqlite3.so" "$1/"
}
completions() { # bash, zsh and PowerShell scripts into these files
    for shell in bash zsh pwsh; do
        mkdir -p "$(dirname "$1")"
        "$published/dynamo" completion "$shell" > "$1"
        shift
    done
}

# The Debian package.
root=$work/deb
program "$root/usr/lib/dynamo"
mkdir -p "$root/usr/bin"
ln -s ../lib/dynamo/dynamo "$root/usr/bin/dynamo"
install -D -m 644 -t "$root/usr/lib/systemd/system" dynamo.service dynamo-run.service dynamo-run.timer
install -D -m 644 dynamo.json "$root/etc/dynamo/dynamo.json"
install -D -m 644 dynamo.1 "$root/usr/share/man/man1/dynamo.1"
gzip -9n "$root/usr/share/man/man1/dynamo.1"
completions "$root/usr/share/bash-completion/completions/dynamo" "$root/usr/share/zsh/vendor-completions/_dynamo" \
    "$root/usr/share/dynamo/completions/dynamo.ps1"
install -D -m 644 ../LICENSE "$root/usr/share/doc/dynamo/copyright"
install -m 644 ../NOTICE "$root/usr/share/doc/dynamo/NOTICE"
install -m 644 ../README.md "$root/usr/share/doc/dynamo/README.md"
install -D -m 644 -t "$root/usr/share/doc/dynamo/docs" ../docs/*.md
gzip -9nc ../CHANGELOG.md > "$root/usr/share/doc/dynamo/changelog.gz"
mkdir "$root/DEBIAN"
size=$(du -sk --apparent-size "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@SIZE@/$size/" -e "s,@HOMEPAGE@,$homepage," debian/control > "$root/DEBIAN/control"
echo /etc/dynamo/dynamo.json > "$root/DEBIAN/conffiles"
install -m 755 -t "$root/DEBIAN" debian/postinst debian/prerm debian/postrm
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/dynamo_${version}_amd64.deb" >/dev/null

# The tarball.
name=dynamo-$version-linux-x64
program "$work/$name"
install -m 644 -t "$work/$name" ../LICENSE ../NOTICE ../README.md dynamo.1 dynamo.json dynamo.service dynamo-run.service dynamo-run.timer
install -D -m 644 -t "$work/$name/docs" ../docs/*.md
completions "$work/$name/completions/dynamo.bash" "$work/$name/completions/_dynamo" "$work/$name/completions/dynamo.ps1"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" "$name" | gzip -9n > "$out/$name.tar.gz"
