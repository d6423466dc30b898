# Tilecast as a container: `docker build -t tilecast .`, then deploy/compose.yaml, or docs/deploy.md.
#
# What is linked and composed with is Debian's; FFmpeg alone is built here, from Debian's own source, with nothing but the
# codecs that Tilecast opens. That takes the parts of FFmpeg that a hostile stream could reach out of reach, and the
# image to half of what Debian's FFmpeg with everything it depends on would make of it.

ARG RUST=rust:1.95-bookworm
ARG DEBIAN=debian:bookworm-slim

# What everything is built with: the first list of scripts/setup, and what FFmpeg needs besides.
FROM ${RUST} AS tools
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkg-config libclang1 libclang-common-14-dev \
        libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
        libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev libopus-dev \
        dpkg-dev libdav1d-dev nasm \
    && rm -rf /var/lib/apt/lists/*

FROM tools AS ffmpeg
WORKDIR /ffmpeg
RUN sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources \
    && apt-get update && apt-get source ffmpeg && rm -rf /var/lib/apt/lists/*
# The decoders of src/worker/decode/codec.rs and src/worker/sound/decode.rs, the encoder of
# src/worker/encode/aac.rs. The symbols carry Debian's versions, so what is linked against Debian's FFmpeg runs on this one.
RUN cd ffmpeg-*/ && ./configure --prefix=/opt/ffmpeg --libdir=/opt/ffmpeg/lib --toolchain=hardened \
        --enable-shared --disable-static --disable-programs --disable-doc --disable-debug \
        --disable-autodetect --disable-network --disable-avdevice --disable-avformat --disable-avfilter --disable-everything --enable-libdav1d \
        --enable-decoder=h264,hevc,vp8,vp9,libdav1d,aac,mp3float --enable-encoder=aac \
    && make -j"$(nproc)" && make install-libs

FROM tools AS build
WORKDIR /tilecast
COPY . .
# A registry of your own: docker build --secret id=cargo,src=config.toml
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/tilecast/target \
    --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    cargo build --locked --release && strip -o /usr/local/bin/tilecast target/release/tilecast

# `docker build --target test .` runs `make test` in here, once it has the clients that are no Debian packages.
FROM tools AS test
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
        fonts-dejavu-core fonts-wqy-microhei fonts-noto-color-emoji \
        ffmpeg espeak-ng gstreamer1.0-tools gstreamer1.0-libav nginx-light libnginx-mod-rtmp curl chromium coturn python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /tilecast
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/tilecast/target,id=test \
    --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    scripts/setup && make test

# Picks from Debian's packages the plugins, libraries and fonts that are used, and nothing that came with them.
FROM ${DEBIAN} AS parts
RUN ls /lib/*-linux-gnu > /base.libraries
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
        fonts-dejavu-core fonts-wqy-microhei fonts-noto-color-emoji \
        gstreamer1.0-tools ca-certificates libdav1d6 libopus0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=ffmpeg /opt/ffmpeg/lib/ /usr/local/lib/
COPY --from=build /usr/local/bin/tilecast /usr/local/bin/tilecast
COPY scripts/image-parts /usr/local/bin/
# More of GStreamer, for launch texts of your own (--pipelines): docker build --build-arg MORE_PLUGINS="va nvcodec"
ARG MORE_PLUGINS=""
RUN ldconfig && image-parts /image ${MORE_PLUGINS}

FROM ${DEBIAN} AS runtime
COPY --from=parts /image/ /
RUN ldconfig && useradd --system --uid 10001 --user-group --home-dir /var/lib/tilecast --shell /usr/sbin/nologin tilecast \
    && install -d -o tilecast -g tilecast -m 700 /var/lib/tilecast
# WebRTC stays on loopback until TILECAST_WEBRTC and TILECAST_PUBLIC_ADDRESS say where browsers find it. There is no API
# key in an image: without TILECAST_API_KEYS it says so and does not start.
ENV LANG=en_US.UTF-8 TILECAST_HTTP=0.0.0.0:8080 TILECAST_RTMP=0.0.0.0:1935 TILECAST_STATE=/var/lib/tilecast \
    GST_PLUGIN_SYSTEM_PATH=/usr/local/lib/tilecast/plugins GST_REGISTRY=/usr/local/lib/tilecast/plugins.registry
USER 10001:10001
WORKDIR /var/lib/tilecast
VOLUME /var/lib/tilecast
EXPOSE 8080/tcp 1935/tcp 8189/tcp 8189/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["tilecast", "health"]
ENTRYPOINT ["tilecast"]
CMD ["serve"]
