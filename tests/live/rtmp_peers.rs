//! RTMP interoperability: ffmpeg, GStreamer and librtmp at the door, over real sockets, with real media.

use crate::common::{
    media::{AAC, AVC, H264, PICTURE, SOUND, assert_rising, clip, coded, configs},
    process::{ffmpeg, ffprobe, gst_launch, start},
    relay::{Published, REFUSAL, Relay},
};
use tilecast::media::{AudioCodec, Codec, Role, Timestamp, Track};

async fn publish(relay: &mut Relay, line: &str, path: &str) -> Published {
    let sent = ffmpeg(&format!("{line} -f flv rtmp://{}/{path}", relay.address)).await;
    sent.expect("publishing");
    relay.published().await
}

#[tokio::test]
async fn ffmpeg_publishes_picture_and_sound() {
    let mut relay = Relay::start(None).await;
    let line = format!("{PICTURE} {SOUND} {H264} -bf 2 -preset veryfast -c:a aac -t 4");
    let published = publish(&mut relay, &line, "in/weekly/alice?key=s3cret").await;
    assert!(published.error.is_none(), "{:?} after {} packets", published.error, published.packets.len());
    assert_eq!(published.path, "in/weekly/alice");
    let video = coded(&published.packets, Track::Video);
    let audio = coded(&published.packets, Track::Audio);
    assert_eq!(video.len(), 100);
    assert!((185..=192).contains(&audio.len()), "{} frames of sound", audio.len());
    assert_rising(&video);
    assert_rising(&audio);
    assert_eq!(video.iter().filter(|p| p.is_keyframe()).count(), 4);
    assert!(video.iter().any(|p| p.pts > p.dts), "B-frames shift the presentation");
    assert!(video.iter().all(|p| p.pts >= p.dts));
    assert_eq!(configs(&published.packets, AVC)[0].data[0], 1, "an avcC record");
    assert_eq!(configs(&published.packets, AAC).len(), 1);
}

#[tokio::test]
async fn time_goes_on_past_24_bits_of_milliseconds() {
    let mut relay = Relay::start(None).await;
    let line = format!("{PICTURE} {SOUND} {H264} -c:a aac -t 4 -output_ts_offset 16776");
    let published = publish(&mut relay, &line, "in/weekly/alice").await;
    let video = coded(&published.packets, Track::Video);
    let limit = Timestamp::from_millis(0xff_ffff);
    assert_eq!(video.len(), 100);
    assert!(video[0].dts < limit && video[99].dts > limit);
    assert!(video.windows(2).all(|w| w[1].dts.since(w[0].dts).as_millis() == 40), "a step that is not a frame");
}

#[tokio::test]
async fn sound_alone_and_picture_alone_are_streams_too() {
    let mut relay = Relay::start(None).await;
    let sound = publish(&mut relay, &format!("{SOUND} -ac 1 -c:a libmp3lame -ar 22050 -t 2"), "in/a/b").await;
    assert!(coded(&sound.packets, Track::Video).is_empty());
    let frames = coded(&sound.packets, Track::Audio);
    assert!(frames.len() >= 75, "{} frames", frames.len());
    assert!(frames.iter().all(|p| p.codec == Codec::Audio(AudioCodec::Mp3) && p.data[0] == 0xff), "MPEG sync words");
    let picture = publish(&mut relay, &format!("{PICTURE} {H264} -t 2"), "in/a/c").await;
    assert_eq!(coded(&picture.packets, Track::Video).len(), 50);
    assert!(coded(&picture.packets, Track::Audio).is_empty());
}

#[tokio::test]
async fn another_resolution_in_mid_stream_comes_with_its_config() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("clip.flv");
    let mut joined = Vec::new();
    for (size, offset) in [("320x240", 0), ("640x360", 2)] {
        let picture = format!("-f lavfi -i testsrc2=size={size}:rate=25 {H264} -t 2");
        ffmpeg(&format!("-y {picture} -output_ts_offset {offset} {}", file.display())).await.expect("making a clip");
        let clip = std::fs::read(&file).expect("a clip");
        // The second file's header and first back pointer are left out: its tags follow the first's.
        joined.extend_from_slice(if offset == 0 { &clip } else { &clip[13..] });
    }
    std::fs::write(&file, joined).expect("a writable folder");
    let mut relay = Relay::start(None).await;
    let published = publish(&mut relay, &format!("-i {} -c copy", file.display()), "in/a/b").await;
    let configs = configs(&published.packets, AVC);
    assert_eq!(configs.len(), 2);
    assert_ne!(configs[0].data, configs[1].data);
    let roles: Vec<Role> = published.packets.iter().map(|p| p.role).collect();
    let second = published.packets.iter().rposition(|p| p.role == Role::Config).expect("a config");
    assert_eq!(roles[second + 1], Role::Key, "the new config comes just before its first keyframe");
    assert_eq!(coded(&published.packets, Track::Video).len(), 100);
}

#[tokio::test]
async fn a_refusal_reaches_the_publisher_in_words() {
    let relay = Relay::start(None).await;
    let line = format!("{PICTURE} {H264} -t 2 -f flv rtmp://{}/in/weekly/denied?key=wrong", relay.address);
    let outcome = ffmpeg(&line).await;
    assert!(!outcome.success);
    assert!(outcome.stderr.contains(REFUSAL), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_codec_that_is_not_taken_leaves_the_other_track_alone() {
    let mut relay = Relay::start(None).await;
    let line = format!("{PICTURE} {SOUND} -c:v flv1 -c:a aac -t 2");
    let published = publish(&mut relay, &line, "in/weekly/alice").await;
    assert!(published.error.is_none(), "{:?}", published.error);
    assert!(coded(&published.packets, Track::Video).is_empty());
    assert!(coded(&published.packets, Track::Audio).len() >= 80);
}

#[tokio::test]
async fn gstreamer_publishes_by_its_own_client_and_by_librtmp() {
    for sink in ["rtmp2sink", "rtmpsink"] {
        let mut relay = Relay::start(None).await;
        let url = format!("rtmp://{}/in/weekly/alice", relay.address);
        let line = format!(
            "videotestsrc num-buffers=50 ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc speed-preset=ultrafast \
             tune=zerolatency key-int-max=25 ! h264parse ! flvmux name=m streamable=true ! {sink} location={url} \
             audiotestsrc num-buffers=86 ! audio/x-raw,rate=44100 ! avenc_aac ! aacparse ! m."
        );
        gst_launch(&line).await.expect(sink);
        let published = relay.published().await;
        let video = coded(&published.packets, Track::Video);
        assert_eq!(published.path, "in/weekly/alice", "{sink}");
        assert_eq!(video.len(), 50, "{sink}");
        assert_rising(&video);
        assert!(coded(&published.packets, Track::Audio).len() >= 80, "{sink}");
    }
}

#[tokio::test]
async fn players_start_at_the_cached_keyframe_and_see_the_end() {
    let packets = clip("-bf 2 -t 3").await;
    let relay = Relay::start(None).await;
    let url = format!("rtmp://{}/out/weekly", relay.address);
    for player in ["ffprobe", "rtmp2src", "rtmpsrc"] {
        let stream = relay.stream("out/weekly");
        packets.iter().for_each(|packet| stream.push(packet));
        let ends = async {
            // Nothing more is pushed: what the player sees is the cache alone.
            while stream.readers() == 0 {
                tokio::task::yield_now().await;
            }
            // librtmp's source would connect again at the end, and again.
            relay.forget("out/weekly");
            stream.end();
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("played.flv");
        let play = async {
            if player == "ffprobe" {
                ffmpeg(&format!("-i {url} -map 0 -c copy {}", file.display())).await.expect(player);
            } else {
                let line = format!("{player} location={url} ! filesink location={}", file.display());
                let played = gst_launch(&line).await;
                assert!(played.success || player == "rtmpsrc", "{player}: {}", played.stderr);
            }
        };
        tokio::join!(play, ends);
        let streams = ffprobe(&format!("-show_entries stream=codec_name {}", file.display())).await;
        assert_eq!(streams, ["h264", "aac"], "{player}");
        let frames = ffprobe(&format!("-select_streams v -show_entries frame=key_frame {}", file.display())).await;
        assert_eq!(frames.len(), 25, "{player}: the last GOP of the clip");
        assert!(frames[0].starts_with('1'), "{player}: {frames:?}");
    }
}

#[tokio::test]
async fn a_player_that_leaves_is_noticed() {
    let relay = Relay::start(None).await;
    let stream = relay.stream("out/weekly");
    clip("-t 1").await.iter().for_each(|packet| stream.push(packet));
    let url = format!("rtmp://{}/out/weekly", relay.address);
    let mut player = start("ffmpeg", &format!("-loglevel quiet -nostdin -i {url} -f null -"));
    let changes = async |readers: usize| {
        while stream.readers() != readers {
            tokio::task::yield_now().await;
        }
    };
    changes(1).await;
    player.kill().await.expect("it runs");
    // Nothing is pushed, so only reading can tell.
    tokio::time::timeout(crate::common::process::LIMIT, changes(0)).await.expect("the player's leaving is noticed");
}
